package deploy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/assistant"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/rig"
)

// operate makes every call of the operator's tool.
func operate(t *testing.T, c *recorder) {
	r := newRig(t, c)
	l, config := r.Ledger(), r.Settings.Ledger
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	config.Instance, config.Transport = "without-tables", pool
	without, unopened := ledger.Open(t.Context(), config, transport.NewCredentials(r.Key.ID, r.Key.Secret, r.Key.Token))
	must(t)(r.TaskCompleted(endOf("other", 1)))
	direct := tablestore.NewClientWithConfig(r.Tables.Endpoint(), r.Settings.Ledger.Instance, r.Key.ID, r.Key.Secret, r.Key.Token, nil)
	_, lost := direct.DeleteIndex(&tablestore.DeleteIndexRequest{MainTableName: "aftercare_instances", IndexName: "aftercare_timeline"})
	_, kept := l.Keep(t.Context(), decide.Many{
		Submission: decide.Submission{Key: "left"}, At: time.Now(), Targets: []decide.Target{{InstanceID: instanceID}},
	})
	if err := errors.Join(unopened, kept); err != nil {
		t.Fatal(err)
	}
	c.record(true)
	defer c.record(false)
	_, _, made := without.CreateTables(t.Context(), r.Settings.Policy.TableTTL)
	_, _, lists := l.CreateTables(t.Context(), r.Settings.Policy.TableTTL)
	_, err := l.Load(t.Context(), instanceID)
	_, _, again := l.Recent(t.Context(), instanceID, time.Time{}, 1)
	_, listed := l.Control(t.Context())
	_, noted := l.LastSwept(t.Context())
	_, shown := l.QuarantinedPayload(t.Context(), ledger.Quarantined{SHA256: ledger.QuarantineID(nil)})
	cloud, set := assistant.New(assistant.Config{Region: rig.Region, Endpoint: r.Settings.ECSEndpoint}, transport.NewCredentials(r.Key.ID, r.Key.Secret, r.Key.Token))
	if set != nil {
		t.Fatal(set)
	}
	_, selected := cloud.Instances(t.Context(), engine.Selector{Name: "web-*"})
	_, where := cloud.InstancesOf(t.Context(), "t-none")
	_, printed := cloud.Outputs(t.Context(), "", "t-none")
	left := l.EachLeft(t.Context(), func(decide.Many) error { return nil })
	err = errors.Join(err, left, where, noted, selected, printed, lost, made, lists, again, listed, shown, l.Unquarantine(t.Context(), ledger.Quarantined{}),
		l.History(t.Context(), ledger.Query{From: time.Now(), Before: time.Now().Add(time.Hour)}, func(ledger.Entry) error { return nil }),
		l.Due(t.Context(), time.Now(), func([]engine.Wakeup) bool { return true }),
		l.Fleet(t.Context(), func(string, ledger.Summary) error { return nil }),
		l.EachQuarantined(t.Context(), func(ledger.Quarantined) error { return nil }), lookAtAlerts(t.Context(), l), askForEvents(t, c, r, cloud))
	if err != nil {
		t.Fatal(err)
	}
}
