// Command mutants changes the code, one mutant at a time, and reports which
// test notices. A mutant is one changed line: a negated condition, a bound off
// by one, a call that is left out, an error that is swallowed, two arguments
// swapped. It is chosen before anybody looks at the tests. A mutant that no
// test notices shows a promise that nothing holds.
//
//	go run ./tests/mutants                  # all of them, as make mutants
//	go run ./tests/mutants -only handler    # those whose line of the table matches
//
// The lists are the *.txt beside this file, one for each package. A mutant is
// the file it changes, what that would do, and the change as a diff writes it:
//
//	shared/ledger/instance.go: a load reads only the first page of its rows
//	tests: shared/ledger shared/handler
//	 				return fmt.Errorf("%s: %w", what, err)
//	 			}
//	 		}
//	-		from = page.NextStartPrimaryKey
//	+		from = nil
//
// Lines that begin with a blank are context. The old text, context and removed
// lines together, must be in the file exactly once. The line with tests names
// the packages whose tests may notice, in the order in which they run; without
// it that is only the file's own package. Lines that begin with # are comments.
//
// To add a mutant: read the code and not its tests, write the change, run it
// with -only. If it survives, write the test that fails. If no test can tell
// the mutant from the code, remove it, and see whether the code needs that line.
// A mutant whose tests run out of time is an error, since a busy machine does
// that, too: choose one that ends.
//
// Nothing in the tree is touched: each mutant is built with go test -overlay.
// It exits with 1 if a mutant survives, does not compile, or no longer matches
// the code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"sync"
	"time"
)

func main() {
	only := flag.String("only", "", "run only mutants whose file or effect matches this regular `expression`")
	timeout := flag.Duration("timeout", 10*time.Minute, "how long the tests of one package may take")
	parallel := flag.Int("parallel", runtime.GOMAXPROCS(0), "how many mutants run at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, ".", *only, *timeout, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run runs the selected mutants of the module at root, and writes the table.
func run(ctx context.Context, w io.Writer, root, only string, timeout time.Duration, parallel int) error {
	selected, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	mutants, err := readLists(root, selected)
	if err != nil {
		return err
	}
	if len(mutants) == 0 {
		return errors.New("no mutant is selected")
	}
	work, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := runner{ctx: ctx, root: root, work: work, timeout: timeout}
	if err := r.unchanged(mutants, parallel); err != nil {
		return err
	}

	widePlace, wideWhat := 0, 0
	for _, m := range mutants {
		widePlace, wideWhat = max(widePlace, len(m.place())), max(wideWhat, len(m.what))
	}
	results := make([]chan result, len(mutants))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	go each(len(mutants), parallel, func(i int) { results[i] <- r.try(mutants[i], i) })
	killed := 0
	for i, m := range mutants {
		found := <-results[i]
		if found.killed {
			killed++
		}
		fmt.Fprintf(w, "%-*s  %-*s  %s\n", widePlace, m.place(), wideWhat, m.what, found.by)
	}
	if killed < len(mutants) {
		return fmt.Errorf("%d of %d mutants were not noticed", len(mutants)-killed, len(mutants))
	}
	return ctx.Err()
}

// each calls do for 0 to n-1, a few at once, and begins them in this order.
func each(n, parallel int, do func(i int)) {
	limit := make(chan struct{}, max(1, parallel))
	var working sync.WaitGroup
	for i := range n {
		limit <- struct{}{}
		working.Go(func() {
			defer func() { <-limit }()
			do(i)
		})
	}
	working.Wait()
}
