package check

import (
	"fmt"
	"strings"
)

// supported returns whether a version of MySQL or MariaDB is known to work. It
// gives a version that it can't read the benefit of the doubt.
func supported(version string) bool {
	if strings.Contains(strings.ToLower(version), "mariadb") {
		// MariaDB puts this before its own version for old clients.
		return !olderThan(strings.TrimPrefix(version, "5.5.5-"), 10, 6)
	}
	return !olderThan(version, 8, 0)
}

// olderThan returns whether a version is known to be older than another.
func olderThan(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a < major || (a == major && b < minor)
}
