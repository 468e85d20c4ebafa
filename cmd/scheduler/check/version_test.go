package check

import "testing"

func TestSupportedVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"8.0.40": true, "8.4.3-log": true, "9.1.0": true, "5.7.44": false, "10.11.19-MariaDB-0+deb12u1": true, "11.4.2-MariaDB": true,
		"10.6.0-MariaDB": true, "10.5.27-MariaDB": false, "5.5.5-10.3.39-MariaDB": false, "5.5.5-10.11.6-MariaDB": true, "of its own kind": true,
	} {
		if got := supported(version); got != want {
			t.Errorf("%s: supported is %t, want %t", version, got, want)
		}
	}
	for version, want := range map[string]bool{"6.0.16": true, "6.2.0": false, "7.10.1": false, "5.0.14": true} {
		if got := olderThan(version, 6, 2); got != want {
			t.Errorf("Redis %s: older is %t, want %t", version, got, want)
		}
	}
}
