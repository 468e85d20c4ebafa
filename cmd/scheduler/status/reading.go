package status

import (
	"context"
	"errors"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// reading is one reading of a ledger.
type reading struct {
	*Source
	from  Ledger
	plan  Plan
	other bool // the ledger is another Porta's
}

func (r *reading) alone() bool { return r.from == r.o.Memory }

// porta reads which Porta the ledger belongs to.
func (r *reading) porta(ctx context.Context, st *Status) (err error) {
	if r.alone() || r.o.Porta == nil {
		return nil
	}
	st.Porta, err = r.o.Porta(ctx)
	if errors.Is(err, tasks.ErrOtherPorta) {
		st.OtherPorta, r.other = r.o.Clean(err.Error()), true
		return nil
	}
	if errors.Is(err, tasks.ErrPortaUnknown) {
		st.portaUnknown = r.o.Clean(tasks.InPlainWords(err).Error())
		return nil
	}
	return err
}

func (r *reading) processes(ctx context.Context, st *Status) error {
	leader, err := r.holder(ctx, "leader")
	if err != nil {
		return err
	}
	if st.Leader = leader; leader != nil {
		r.plan = leader.plan(r.plan) // it is the leader's schedule that fires
	}
	there, err := r.from.Processes(ctx, st.Now)
	for _, text := range there {
		if p := decode(text).clean(r.o.Clean); leader == nil || p.String() != leader.String() {
			st.Standbys = append(st.Standbys, *p)
		}
	}
	return err
}

// gateways lists those that are alive.
func (r *reading) gateways(ctx context.Context, st *Status) error {
	known, err := r.from.Gateways(ctx)
	for _, g := range known {
		if g.Alive(st.Now) {
			g.By, g.Address = r.o.Clean(g.By), r.o.Clean(g.Address)
			st.Gateways = append(st.Gateways, g)
		}
	}
	return err
}

func (r *reading) holder(ctx context.Context, lease string) (*Process, error) {
	if r.alone() {
		return nil, nil //nolint:nilnil // nobody, as far as is known
	}
	text, held, err := r.o.Holder(ctx, lease)
	if err != nil || !held {
		return nil, err
	}
	return decode(text).clean(r.o.Clean), nil
}

func (r *reading) tasks(ctx context.Context, st *Status) error {
	known, err := r.from.Tasks(ctx, tasks.Rotate, tasks.Janitor)
	if err != nil {
		return err
	}
	for _, name := range []string{tasks.Rotate, tasks.Janitor} {
		running, err := r.holder(ctx, "run:"+name)
		if err != nil {
			return err
		}
		t := known[name]
		if r.alone() && t.Progress != nil {
			running = &r.o.Self
		}
		if p := t.Progress; p != nil {
			p.RunID, p.By = r.o.Clean(p.RunID), r.o.Clean(p.By)
			if running == nil || p.By != running.String() {
				t.Progress = nil // of a run that was killed
			}
		}
		st.Tasks = append(st.Tasks, Task{
			Task: name, RunningBy: running, Progress: t.Progress, Last: r.cleanRun(t.Last),
			LastComplete: t.Complete, LastSuccess: t.Success, Next: r.plan.schedule(name).Next(st.Now),
		})
	}
	return nil
}

// cleanRun returns a run as it may be printed.
func (s *Source) cleanRun(run *ledger.Run) *ledger.Run {
	if run == nil {
		return nil
	}
	clean := *run
	for _, text := range []*string{&clean.Task, &clean.RunID, &clean.Outcome, &clean.By, &clean.Error} {
		*text = s.o.Clean(*text)
	}
	return &clean
}

func (r *reading) history(ctx context.Context, st *Status) error {
	if !st.Query.History && st.Leader != nil && st.Tenant == nil {
		return nil
	}
	runs, err := r.from.History(ctx)
	for _, run := range runs {
		st.History = append(st.History, *r.cleanRun(&run))
	}
	if st.Tenant != nil {
		st.Tenant.servedBy(st.History)
	}
	return err
}
