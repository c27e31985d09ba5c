package handler_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/transport"
	"aftercare/shared/version"
	"aftercare/tests/rig"
)

// TestAnAnswerAndEachLineNameTheVersion, so that people see which one handled an input
// while an alias divides them among two.
func TestAnAnswerAndEachLineNameTheVersion(t *testing.T) {
	r := rigWith(t, "i-1")
	out, err := r.FirstHeartbeat(r.Boot("i-1"))
	must(t, err)
	if out.Version != version.Name() || out.Version == "" {
		t.Errorf("the answer names version %q, want %q", out.Version, version.Name())
	}
	lines := strings.Split(strings.TrimSpace(r.Log.String()), "\n")
	for _, line := range lines {
		if !strings.Contains(line, `"version":"`+version.Name()+`"`) {
			t.Errorf("a line names no version: %s", line)
		}
	}
}

// direct is a client of the rig's tables that knows nothing of what rows mean.
func direct(t *testing.T, r *rig.Rig) *sdk.TableStoreClient {
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	config := sdk.NewDefaultTableStoreConfig()
	config.Transport = pool
	return sdk.NewClientWithConfig(r.Tables.Endpoint(), "rig", r.Key.ID, r.Key.Secret, r.Key.Token, config)
}

// TestAFunctionThatIsOlderThanTheTablesSaysSoOnce, and works as before. (ledger rule 37)
func TestAFunctionThatIsOlderThanTheTablesSaysSoOnce(t *testing.T) {
	r := rigWith(t, "i-1", "i-2")
	change := &sdk.PutRowChange{TableName: "aftercare_shared", PrimaryKey: new(sdk.PrimaryKey)}
	change.PrimaryKey.AddPrimaryKeyColumn("scope", "concern")
	change.PrimaryKey.AddPrimaryKeyColumn("row", "~schema")
	change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
	change.AddColumn("schema", int64(99))
	change.AddColumn("by", "v9.8.7")
	_, err := direct(t, r).PutRow(&sdk.PutRowRequest{PutRowChange: change})
	must(t, err)
	for _, id := range []string{"i-1", "i-2"} {
		only(t)(r.FirstHeartbeat(r.Boot(id)))
	}
	if got := strings.Count(r.Log.String(), "use version v9.8.7 or a later one"); got != 1 {
		t.Errorf("it is logged %d times, want once:\n%s", got, r.Log.String())
	}
}
