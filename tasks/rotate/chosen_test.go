package rotate_test

import (
	"testing"
	"testing/synctest"
)

// TestARunForChosenTenantsThatCannotBegin: it says nothing of the others, so it does not
// take the place of the last full run.
func TestARunForChosenTenantsThatCannotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.o.Only = []int64{4242}
		if result, err := w.run(nil); err == nil || !result.Chosen {
			t.Errorf("chosen %v, error %v", result.Chosen, err)
		}
	})
}
