package status

import (
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

const (
	// pictured is the time that the picture shows.
	pictured = 48 * time.Hour
	// The picture's size, in its own units: an hour is twelve wide.
	pictureWidth, pictureHeight = 576.0, 60.0
	// narrowest is the width of the bar of a short run.
	narrowest = 3.0
)

// Bar is one run in the picture: the share that was served below, and what failed
// above it.
type Bar struct {
	X, Width       float64
	Served, Failed float64 // heights
	Title          string
}

// Bars are the rotations of the last two days that were for everyone.
func (st Status) Bars() (bars []Bar) {
	for _, run := range st.History {
		began := st.Now.Sub(run.Began())
		if run.Task != "rotate" || run.Chosen || began > pictured || began < 0 {
			continue
		}
		x := (1 - float64(began)/float64(pictured)) * pictureWidth
		width := max(narrowest, run.Duration/pictured.Seconds()*pictureWidth)
		failed := pictureHeight * failedShare(run)
		bars = append(bars, Bar{
			X: min(x, pictureWidth-width), Width: width, Failed: failed, Served: pictureHeight - failed,
			Title: fmt.Sprintf("%s: %s, %s, in %s on %s", exact(run.Ended), run.Outcome, st.Numbers(run), st.Took(&run), run.By),
		})
	}
	return bars
}

// failedShare is the share of a run that failed. A failure shows, however small.
func failedShare(run ledger.Run) float64 {
	failed, all := float64(run.Counts["failed"]), float64(run.Counts["tenants"]-run.Counts["no_owner"])
	switch {
	case run.Outcome == "failed":
		return 1
	case failed == 0 || all == 0:
		return 0
	}
	return max(0.1, min(1, failed/all))
}

// Listed are the runs that the page lists.
func (st Status) Listed() []ledger.Run { return st.History[:min(len(st.History), mostOnScreen)] }
