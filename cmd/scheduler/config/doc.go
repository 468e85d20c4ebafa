// Package config reads the configuration from flags, environment variables and
// files, and validates it.
//
// [Parse] reads the command line, and [Flags.Config] checks every value. All that is
// wrong is one [Problems] error, so that an operator corrects it in one go. [Live]
// is the part that may change while the program runs: secrets in files and the log
// level. A new value that is not valid is refused, and the old one stays in force.
//
// Main and --check use this package. It opens no connection.
package config
