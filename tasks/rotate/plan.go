package rotate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// pageSize is how many tenants are read at a time.
	pageSize = 2000
	// rowAge is how long a row may be used after it was read. Its owner may be deleted
	// meanwhile, and Porta refuses a token without an owner.
	rowAge = 30 * time.Second
)

// plan hands out the tenants of a run, each once: those that come again, then the
// list, a page at a time.
type plan struct {
	o      *Options
	pass   pass
	window tasks.Window
	step   func() // see [tasks.Run.Step]
	source source

	again []planned      // handed out before, and to be minted for anew
	early map[int64]bool // handed out before their turn

	page    []planned // read and not yet handed out
	readAt  time.Time
	ended   bool  // the source has no more
	begunAt int64 // the tenant behind which the list began; zero for the first
	last    int64 // the last tenant handed out, at first begunAt
}

// source yields tenants a page at a time; an empty page is the end.
type source interface {
	read(ctx context.Context) ([]db.Tenant, error)
	// rewind makes the next read begin behind the tenants handed out.
	rewind()
	// handedOut says that the run has taken a tenant up.
	handedOut(tenant db.Tenant)
}

func newPlan(ctx context.Context, o *Options, run tasks.Run, pass pass) (*plan, error) {
	p := &plan{o: o, pass: pass, window: run.Window, step: run.Step, early: map[int64]bool{}}
	if len(o.Only) > 0 {
		p.source = &chosen{tenants: o.Tenants, left: slices.Clone(o.Only)}
		return p, p.missing(ctx)
	}
	id, err := o.Bookmark.Resume(ctx)
	if err != nil {
		return nil, err
	}
	all, err := newEveryone(ctx, o.Tenants, id)
	p.source, p.begunAt, p.last = all, id, id
	return p, err
}

// missing refuses a run for accounts that are no tenants.
func (p *plan) missing(ctx context.Context) error {
	rows, err := rowsOf(ctx, p.o.Tenants, p.o.Only)
	if err != nil {
		return err
	}
	var unknown []int64
	for _, id := range p.o.Only {
		if _, known := rows[id]; !known {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("not tenants: %v (want ids of accounts that are providers or the master)", unknown)
	}
	return nil
}

// next hands out up to n tenants that are due, and none at the end. It counts the others
// that it meets into t.
func (p *plan) next(ctx context.Context, n int, t *tally) ([]planned, error) {
	batch, err := p.nextAgain(ctx, n, t)
	if err != nil {
		return nil, err
	}
	for len(batch) < n {
		found, err := p.fill(ctx)
		if err != nil || !found {
			return batch, err
		}
		head := p.page[0]
		p.page = p.page[1:]
		head.after, p.last = p.last, head.tenant.ID
		p.source.handedOut(head.tenant)
		switch {
		case p.early[head.tenant.ID]:
		case head.verdict == due:
			batch = append(batch, head)
		default:
			t.skip(head)
		}
	}
	return batch, nil
}

// fill reads a page if there is none with fresh rows. It returns false at the list's end.
func (p *plan) fill(ctx context.Context) (bool, error) {
	if len(p.page) > 0 && p.o.Now().Sub(p.readAt) > rowAge {
		p.page = nil
		p.source.rewind()
	}
	for len(p.page) == 0 { // all tenants of a page may have been deleted meanwhile
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err := p.read(ctx); err != nil || p.ended {
			return false, err
		}
	}
	return true, nil
}

func (p *plan) read(ctx context.Context) error {
	if p.ended {
		return nil
	}
	p.step()
	tenants, err := p.source.read(ctx)
	if err != nil {
		return err
	}
	if p.ended = len(tenants) == 0; p.ended {
		return nil
	}
	p.readAt = p.o.Now()
	if p.page, err = p.decide(ctx, tenants, p.readAt); err != nil {
		p.source.rewind()
	}
	return err
}
