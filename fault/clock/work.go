package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/pgcrucible/pgcrucible/fault/clock/vdso"
)

// Times of the program's work.
const (
	watchEvery = 200 * time.Millisecond // between looks for new processes
	endWithin  = 10 * time.Second       // until a hold has ended
	passes     = 1000                   // over all processes, until one finds nothing to do
)

// hold makes the clocks wrong and keeps those of new processes so.
func hold(ctx context.Context, image *vdso.Image, wrong []byte) error {
	found, err := all(ctx, image, wrong)
	if err != nil {
		return err
	}
	if found == 0 {
		return errors.New("no process of PostgreSQL is there")
	}
	fmt.Println("wrong since", time.Now().UnixNano())
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := all(ctx, image, wrong); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// clearAll ends every hold and makes every clock the kernel's.
func clearAll(ctx context.Context, image *vdso.Image) error {
	if err := endHolds(ctx); err != nil {
		return err
	}
	since := time.Now()
	found, err := all(ctx, image, nil)
	if err != nil {
		return err
	}
	fmt.Printf("true since %d, %d processes\n", since.UnixNano(), found)
	return nil
}

// all gives every process of PostgreSQL an image, nil for the kernel's own, until a pass finds that all have it: a process that was
// forked while its parent was not changed yet is found by the next. It returns how many have it.
func all(ctx context.Context, image *vdso.Image, wanted []byte) (found int, err error) {
	for range passes {
		found, changed, err := pass(ctx, image, wanted)
		if err != nil || changed == 0 {
			return found, err
		}
	}
	return 0, errors.New("processes come faster than they can be changed")
}

func pass(ctx context.Context, image *vdso.Image, wanted []byte) (found, changed int, err error) {
	pids, err := postgres()
	if err != nil {
		return 0, 0, err
	}
	want := vdso.True
	if wanted != nil {
		want = vdso.Wrong
	}
	for _, pid := range pids {
		state, err := image.State(pid, wanted)
		if err == nil && state.Clock != want {
			changed++
			err = image.Make(ctx, pid, wanted)
		}
		switch {
		case errors.Is(err, os.ErrNotExist): // it has ended meanwhile
		case err != nil:
			return 0, 0, err
		default:
			found++
		}
	}
	return found, changed, nil
}

// postgres are PostgreSQL's processes, which are named so on every distribution.
func postgres() ([]int, error) { return vdso.Named("postgres", "postmaster") }

// state prints which clock each process has.
func state(image *vdso.Image, wrong []byte) error {
	pids, err := postgres()
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, pid := range pids {
		state, err := image.State(pid, wrong)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = out.Encode(state)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endHolds ends the other processes of this program that hold, and waits until they are gone.
func endHolds(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for {
		pids, err := holds()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end the hold of process %d: %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v hold the clock still: %w", pids, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func holds() ([]int, error) {
	pids, err := vdso.Named("clock")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, pid := range pids {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && pid != os.Getpid() && bytes.HasPrefix(line, []byte("/clock\x00hold\x00")) {
			found = append(found, pid)
		}
	}
	return found, nil
}
