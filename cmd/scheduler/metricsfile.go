package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// metricsFile is the file of --metrics-file. It has the metrics of both tasks. A process
// of --run-once knows about the tasks that it ran. What the file has of the others stays.
type metricsFile struct {
	path   string // empty for none
	shared prometheus.Gatherer
	of     map[string]*prometheus.Registry // a task's own

	mu      sync.Mutex
	ran     map[string]bool // tasks that have run in this process
	reached map[string]bool // those that have reached everyone
}

func newMetricsFile(path string, shared prometheus.Gatherer, of map[string]*prometheus.Registry) *metricsFile {
	return &metricsFile{path: path, shared: shared, of: of, ran: map[string]bool{}, reached: map[string]bool{}}
}

// ours leaves out the metrics of Go's runtime and of the process. node_exporter has its
// own under the same names, and reports an error in each scrape if a file repeats them.
func ours(g prometheus.Gatherer) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		return slices.DeleteFunc(families, func(family *dto.MetricFamily) bool {
			return !strings.HasPrefix(family.GetName(), "token_scheduler_")
		}), err
	})
}

// ended notes what this process knows now.
func (f *metricsFile) ended(report tasks.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ran[report.Task] = f.ran[report.Task] || report.Outcome != tasks.Busy
	f.reached[report.Task] = f.reached[report.Task] || (report.Result.Complete && !report.Result.Chosen)
}

// write writes all metrics of this process, as a daemon does. It writes a file beside
// the other and renames it, so that nobody reads half of it.
func (f *metricsFile) write() error {
	return prometheus.WriteToTextfile(f.path, ours(f.all()))
}

func (f *metricsFile) all() prometheus.Gatherers {
	all := prometheus.Gatherers{f.shared}
	for _, g := range f.of {
		all = append(all, g)
	}
	return all
}

// update writes what this process knows, and keeps the rest of the file.
func (f *metricsFile) update() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept, err := f.read()
	if err != nil {
		return err
	}
	shared := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := f.shared.Gather()
		for _, family := range families {
			f.keepRuns(family, kept[family.GetName()])
		}
		return families, err
	})
	all := prometheus.Gatherers{shared}
	for task, g := range f.of {
		if f.reached[task] {
			all = append(all, g)
			continue
		}
		all = append(all, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return theSame(g, kept) }))
	}
	return prometheus.WriteToTextfile(f.path, ours(all))
}

// read returns what the file has. A file that does not exist, or has other content, has
// nothing: it is replaced.
func (f *metricsFile) read() (kept map[string]*dto.MetricFamily, err error) {
	content, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if kept, err = parser.TextToMetricFamilies(bytes.NewReader(content)); err != nil {
		kept = map[string]*dto.MetricFamily{}
	}
	return kept, nil
}

// theSame returns the metrics that a task would have, as the file has them.
func theSame(g prometheus.Gatherer, kept map[string]*dto.MetricFamily) ([]*dto.MetricFamily, error) {
	var same []*dto.MetricFamily
	families, err := g.Gather()
	for _, family := range families {
		if old := kept[family.GetName()]; old != nil {
			same = append(same, old)
		}
	}
	return same, err
}

// keepRuns takes over what the file has of tasks that have not run here. A gauge that is
// greater here stays: it is the time of a later run, which Redis knows.
func (f *metricsFile) keepRuns(family, kept *dto.MetricFamily) {
	for i, metric := range family.Metric {
		if task, labelled := taskOf(metric); !labelled || f.ran[task] {
			continue
		}
		same := slices.IndexFunc(kept.GetMetric(), func(old *dto.Metric) bool { return sameLabels(old, metric) })
		if same < 0 || metric.GetGauge().GetValue() > kept.Metric[same].GetGauge().GetValue() {
			continue
		}
		family.Metric[i] = kept.Metric[same]
	}
}

func taskOf(metric *dto.Metric) (task string, labelled bool) {
	for _, label := range metric.GetLabel() {
		if label.GetName() == "task" {
			return label.GetValue(), true
		}
	}
	return "", false
}

func sameLabels(a, b *dto.Metric) bool {
	return slices.EqualFunc(a.GetLabel(), b.GetLabel(), func(x, y *dto.LabelPair) bool {
		return x.GetName() == y.GetName() && x.GetValue() == y.GetValue()
	})
}
