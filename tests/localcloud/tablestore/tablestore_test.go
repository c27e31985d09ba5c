package tablestore_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/tablestore"
)

const (
	keyID     = "test-key-id"
	keySecret = "test-key-secret"
	instance  = "test-instance"
)

// start runs a server that accepts the key of this package's tests.
func start(t testing.TB, o tablestore.Options) *tablestore.Server {
	t.Helper()
	if o.Keys == nil {
		o.Keys = access.NewKeys(access.Key{ID: keyID, Secret: keySecret})
	}
	s, err := tablestore.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect is the unmodified SDK client, without retries.
func connect(s *tablestore.Server) *sdk.TableStoreClient {
	return connectAs(s.Endpoint(), instance, keyID, keySecret, "")
}

func connectAs(endpoint, instance, id, secret, token string) *sdk.TableStoreClient {
	config := sdk.NewDefaultTableStoreConfig()
	config.RetryTimes = 0
	config.HTTPTimeout.RequestTimeout = 20 * time.Second
	return sdk.NewClientWithConfig(endpoint, instance, id, secret, token, config)
}

// table is one table of a test: keys are a string "pk" and a string "row".
type table struct {
	t      testing.TB
	client *sdk.TableStoreClient
	name   string
}

func newTable(t testing.TB, client *sdk.TableStoreClient, name string, options ...func(*sdk.CreateTableRequest)) table {
	t.Helper()
	req := tableRequest(name, options...)
	if _, err := client.CreateTable(req); err != nil {
		t.Fatalf("create table: %v", err)
	}
	return table{t, client, name}
}

func tableRequest(name string, options ...func(*sdk.CreateTableRequest)) *sdk.CreateTableRequest {
	meta := &sdk.TableMeta{TableName: name}
	meta.AddPrimaryKeyColumn("pk", sdk.PrimaryKeyType_STRING)
	meta.AddPrimaryKeyColumn("row", sdk.PrimaryKeyType_STRING)
	req := &sdk.CreateTableRequest{
		TableMeta:          meta,
		TableOption:        &sdk.TableOption{TimeToAlive: -1, MaxVersion: 1},
		ReservedThroughput: &sdk.ReservedThroughput{},
	}
	for _, option := range options {
		option(req)
	}
	return req
}

func key(pk, row string) *sdk.PrimaryKey {
	k := new(sdk.PrimaryKey)
	k.AddPrimaryKeyColumn("pk", pk)
	k.AddPrimaryKeyColumn("row", row)
	return k
}

// columns are names and values in turn.
func (tb table) put(pk, row string, columns ...any) *sdk.PutRowChange {
	change := &sdk.PutRowChange{TableName: tb.name, PrimaryKey: key(pk, row)}
	for i := 0; i < len(columns); i += 2 {
		change.AddColumn(columns[i].(string), columns[i+1])
	}
	change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
	return change
}

func (tb table) update(pk, row string) *sdk.UpdateRowChange {
	change := &sdk.UpdateRowChange{TableName: tb.name, PrimaryKey: key(pk, row)}
	change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
	return change
}

func (tb table) delete(pk, row string) *sdk.DeleteRowChange {
	change := &sdk.DeleteRowChange{TableName: tb.name, PrimaryKey: key(pk, row)}
	change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
	return change
}

// write sends one change with the call of its kind.
func (tb table) write(change sdk.RowChange) error {
	var err error
	switch change := change.(type) {
	case *sdk.PutRowChange:
		_, err = tb.client.PutRow(&sdk.PutRowRequest{PutRowChange: change})
	case *sdk.UpdateRowChange:
		_, err = tb.client.UpdateRow(&sdk.UpdateRowRequest{UpdateRowChange: change})
	case *sdk.DeleteRowChange:
		_, err = tb.client.DeleteRow(&sdk.DeleteRowRequest{DeleteRowChange: change})
	}
	return err
}

func (tb table) mustWrite(changes ...sdk.RowChange) {
	tb.t.Helper()
	for _, change := range changes {
		if err := tb.write(change); err != nil {
			tb.t.Fatal(err)
		}
	}
}

// get returns a row's columns, the newest version of each, or nil if there is
// no such row.
func (tb table) get(pk, row string) map[string]any {
	tb.t.Helper()
	got, err := tb.client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: &sdk.SingleRowQueryCriteria{
		TableName: tb.name, PrimaryKey: key(pk, row), MaxVersion: 1,
	}})
	if err != nil {
		tb.t.Fatal(err)
	}
	if len(got.PrimaryKey.PrimaryKeys) == 0 {
		return nil
	}
	out := make(map[string]any)
	for _, c := range got.Columns {
		out[c.ColumnName] = c.Value
	}
	return out
}

// check fails the test unless err is the service's error with this code and
// status; an empty code wants none.
func check(t testing.TB, err error, code string, status int) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		return
	}
	var answered *sdk.OtsError
	if !errors.As(err, &answered) {
		t.Errorf("got error %v, want %s", err, code)
		return
	}
	if answered.Code != code || answered.HttpStatusCode != status {
		t.Errorf("got %d %s (%s), want %d %s", answered.HttpStatusCode, answered.Code, answered.Message, status, code)
	}
	if answered.RequestId == "" {
		t.Errorf("%s has no request id", code)
	}
}

// stores runs a test with rows in memory and in a file.
func stores(t *testing.T, f func(t *testing.T, o tablestore.Options)) {
	t.Run("in memory", func(t *testing.T) { f(t, tablestore.Options{}) })
	t.Run("in a file", func(t *testing.T) {
		f(t, tablestore.Options{Path: filepath.Join(t.TempDir(), "data"), NoSync: true})
	})
}
