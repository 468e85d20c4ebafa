package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	chart "github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"
)

// point is one measurement of a plot: two values at one place.
type point struct{ x, left, right float64 }

// plot draws the two plots of the page into a folder.
func (b *bench) plot(dir string) error {
	for _, p := range []struct {
		file, x, left, right string
		points               []point
	}{
		{"performance-size.svg", "tenants", "tenants a second", "peak memory, MiB", b.bySize},
		{"performance-concurrency.svg", "pushes at a time, to a Zync of 3 threads and 5 ms", "tenants a second", "latency of a push, ms", b.byWidth},
	} {
		drawn, err := draw(p.x, p.left, p.right, p.points)
		if err != nil {
			return fmt.Errorf("plot %s: %w", p.file, err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.file), drawn, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// divisions is the number of parts of an axis.
const divisions = 4

// draw plots the points over a logarithmic axis. Each of the two values has its own
// axis, which begins at zero. If the ticks are given, the library has one scale for
// both. So both values are drawn as parts of their axis.
func draw(x, left, right string, points []point) ([]byte, error) {
	var ticks []chart.Tick
	var xs, lefts, rights []float64
	for _, p := range points {
		at := math.Log10(p.x)
		ticks = append(ticks, chart.Tick{Value: at, Label: fmt.Sprintf("%.0f", p.x)})
		xs, lefts, rights = append(xs, at), append(lefts, p.left), append(rights, p.right)
	}
	leftAxis, leftLine := axis(left, chart.ColorBlue, xs, lefts)
	rightAxis, rightLine := axis(right, chart.ColorRed, xs, rights)
	leftLine.YAxis = chart.YAxisSecondary // which is drawn on the left
	graph := chart.Chart{
		Width: 720, Height: 360,
		Background:     chart.Style{Padding: chart.Box{Top: 20, Left: 20, Right: 20, Bottom: 10}},
		XAxis:          chart.XAxis{Name: x, Ticks: ticks},
		YAxis:          rightAxis,
		YAxisSecondary: leftAxis,
		Series:         []chart.Series{leftLine, rightLine},
	}
	var svg bytes.Buffer
	err := graph.Render(chart.SVG, &svg)
	return svg.Bytes(), err
}

// axis has ticks at round numbers from zero, in the colour of the line that belongs to
// it.
func axis(name string, color drawing.Color, xs, values []float64) (chart.YAxis, chart.ContinuousSeries) {
	step := round(slices.Max(values) / divisions)
	style := chart.Style{FontColor: color}
	a := chart.YAxis{Name: name, NameStyle: style, Style: style}
	for i := range divisions + 1 {
		a.Ticks = append(a.Ticks, chart.Tick{Value: float64(i) / divisions, Label: fmt.Sprintf("%.6g", float64(i)*step)})
	}
	s := chart.ContinuousSeries{
		XValues: xs,
		Style:   chart.Style{StrokeColor: color, StrokeWidth: 2, DotColor: color, DotWidth: 4},
	}
	for _, value := range values {
		s.YValues = append(s.YValues, value/step/divisions)
	}
	return a, s
}

// round returns the next number with one digit that gives good ticks.
func round(x float64) float64 {
	unit := math.Pow10(int(math.Floor(math.Log10(x))))
	for _, digit := range []float64{1, 2, 3, 4, 5, 6, 8} {
		if x <= digit*unit {
			return digit * unit
		}
	}
	return 10 * unit
}
