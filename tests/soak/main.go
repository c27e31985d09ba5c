// Command soak puts `localcloud up` under load for some minutes, with the real
// function binaries, and prints the goroutines, live heap and resident memory
// of its process. It exits with 0 only if no submission failed, no event was
// given up on, and neither goroutines nor heap kept growing.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"aftercare/tests/localcloud/cloud"
)

func main() {
	length := flag.Duration("for", 10*time.Minute, "how long to keep up the load, 1h at most")
	rate := flag.Int("rate", 10, "commands a second, 50 at most")
	bin := flag.String("localcloud", "bin/localcloud", "the local cloud's program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, min(*length, time.Hour), min(max(*rate, 1), 50)); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// retained is how many invocations the local ECS remembers: few, so that it
// starts to forget within the first minute, and any later growth is a leak.
const retained = 300

func run(ctx context.Context, bin string, length time.Duration, rate int) (err error) {
	data, err := os.MkdirTemp("", "aftercare-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	data = filepath.Join(data, "cloud")
	cmd := exec.Command(bin, "up", "--free-ports", "--no-rules", "--dist", ".local/dist", "--data", data, "--boot-delay", "100ms", "--retain", strconv.Itoa(retained),
		"--set", "AFTERCARE_SENDS_PER_MINUTE=10000", "--token-ttl", "1m")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the local cloud (make build builds it): %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		control := ""
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "control surface"); ok {
				control = strings.TrimSpace(url)
			}
			if lines.Text() == "ready" {
				ready <- control
			}
		}
		close(ready)
	}()
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
	}()
	control := <-ready
	if control == "" {
		return errors.New("the local cloud did not start")
	}
	return soak(ctx, &cloud.Client{URL: control}, cmd.Process.Pid, length, rate)
}

// sample is the state of the local cloud's process at one moment.
type sample struct {
	at         time.Duration // since the start of the load
	submitted  int64
	goroutines int
	heap       float64 // MB, live
	resident   float64 // MB
}

func soak(ctx context.Context, c *cloud.Client, pid int, length time.Duration, rate int) error {
	const instances = 8
	for i := range instances {
		if err := c.CreateInstance(ctx, cloud.Instance{ID: instance(i)}); err != nil {
			return err
		}
		if err := c.Boot(ctx, instance(i)); err != nil {
			return err
		}
	}
	fmt.Printf("%d commands a second for %s, over %d instances\n\n", rate, length, instances)
	fmt.Printf("%8s %10s %11s %10s %12s\n", "time", "commands", "goroutines", "heap", "resident")

	var submitted, failed atomic.Int64
	var working sync.WaitGroup
	start := time.Now()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	every := max(length/20, 2*time.Second)
	next := every
	var samples []sample
	for time.Since(start) < length && ctx.Err() == nil {
		<-tick.C
		n := submitted.Add(1)
		working.Go(func() {
			if err := submit(ctx, c, n, instance(int(n)%instances)); err != nil {
				failed.Add(1)
				fmt.Fprintln(os.Stderr, "soak: submit:", err)
			}
		})
		if at := time.Since(start); at >= next {
			next += every
			s, err := takeSample(ctx, c, pid)
			if err != nil {
				return err
			}
			s.at, s.submitted = at, n
			samples = append(samples, s)
			fmt.Printf("%8s %10d %11d %7.1f MB %9.1f MB\n", at.Round(time.Second), s.submitted, s.goroutines, s.heap, s.resident)
		}
	}
	working.Wait()
	if err := c.WaitIdle(ctx, time.Minute); err != nil {
		return err
	}
	dead, err := c.DeadLetters(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d commands submitted, %d submissions failed, EventBridge gave up on %d events\n", submitted.Load(), failed.Load(), len(dead))
	if failed.Load() > 0 || len(dead) > 0 {
		return errors.New("submissions failed or events were given up on")
	}
	return steady(samples)
}

func instance(i int) string { return fmt.Sprintf("i-soak-%d", i) }

func submit(ctx context.Context, c *cloud.Client, n int64, instance string) error {
	payload, err := json.Marshal(map[string]any{
		"dedupeKey": fmt.Sprint("soak ", n), "instanceId": instance,
		"run": map[string]string{"name": "soak", "type": "RunShellScript", "content": "echo $((6*7))"},
	})
	if err != nil {
		return err
	}
	result, err := c.Invoke(ctx, "aftercare-submit-task", payload)
	if err == nil && result.FunctionError != "" {
		err = errors.New(result.Body)
	}
	return err
}

// takeSample measures the local cloud's process. Resident memory is 0 outside
// Linux.
func takeSample(ctx context.Context, c *cloud.Client, pid int) (sample, error) {
	p, err := c.Process(ctx)
	if err != nil {
		return sample{}, err
	}
	s := sample{goroutines: p.Goroutines, heap: float64(p.HeapBytes) / (1 << 20)}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, nil // not on Linux
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			s.resident = kb / 1024
		}
	}
	return s, nil
}

// steady compares the medians of the second and the last quarter: in the first,
// everything with a bound fills up. It ignores resident memory, which includes
// mapped pages of files that grow with the records in them.
func steady(samples []sample) error {
	if len(samples) < 8 {
		return nil
	}
	q := len(samples) / 4
	median := func(s []sample, of func(sample) float64) float64 {
		var values []float64
		for _, x := range s {
			values = append(values, of(x))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	early, late := samples[q:2*q], samples[len(samples)-q:]
	var grown []error
	for _, m := range []struct {
		name  string
		slack float64
		of    func(sample) float64
	}{
		{"goroutines", 20, func(s sample) float64 { return float64(s.goroutines) }},
		{"live heap (MB)", 2, func(s sample) float64 { return s.heap }},
	} {
		a, b := median(early, m.of), median(late, m.of)
		fmt.Printf("%-16s second quarter %.1f, last quarter %.1f\n", m.name, a, b)
		if b > a*1.2+m.slack {
			grown = append(grown, fmt.Errorf("%s grew from %.1f to %.1f", m.name, a, b))
		}
	}
	return errors.Join(grown...)
}
