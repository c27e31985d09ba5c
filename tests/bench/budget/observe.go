package budget

import (
	"fmt"
	"testing"

	"aftercare/shared/handler"
	"aftercare/tests/bench/wire"
	"aftercare/tests/rig"
)

// Observation is one invocation's payload and calls.
type Observation struct {
	Payload []byte
	Calls   []wire.Call
}

// Observe runs a row's invocation in a rig of its own, and returns the calls
// that it made, in the order of their arrival.
func Observe(t testing.TB, row Row) (Observation, error) {
	var recorder wire.Recorder
	t.Cleanup(recorder.Close)
	front := func(s wire.Service, target string) string {
		at, err := recorder.Front(s, target)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	r := rig.New(t, rig.Options{
		Flows: Flows,
		Settings: func(s *handler.Settings) {
			s.Ledger.Endpoint = front(wire.Tablestore, s.Ledger.Endpoint)
			s.ECSEndpoint = front(wire.ECS, s.ECSEndpoint)
			s.FCEndpoint = front(wire.Functions, s.FCEndpoint)
		},
	})
	payload := row.Prepare(r)
	if row.Timeout > 0 {
		r.Timeout = row.Timeout
	}
	recorder.Reset()
	out, err := row.Call(r, payload)
	if err != nil || len(out.Items) != 1 || out.Items[0].Left > 0 {
		return Observation{}, fmt.Errorf("%s: outcome %+v, %w; log:\n%s", row.Name, out, err, r.Log)
	}
	return Observation{Payload: payload, Calls: recorder.Calls()}, nil
}
