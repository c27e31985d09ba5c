package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// maxQuarantined is how many bytes of a payload are kept.
const maxQuarantined = 1 << 20

// Quarantined is a payload that no redelivery could repair.
type Quarantined struct {
	SHA256   string // of the whole payload, 64 hex digits
	Payload  []byte // its first 1 MB
	Size     int64  // of the whole payload, in bytes
	Reason   string
	Function string
	At       time.Time
}

// Quarantine stores a payload and returns its sha256. Storing it again changes
// only the time.
func (l *Ledger) Quarantine(ctx context.Context, function string, payload []byte, reason string, at time.Time) (string, error) {
	sum := sha256.Sum256(payload)
	id := hex.EncodeToString(sum[:])
	change := new(tablestore.PutRowChange)
	change.TableName = tableQuarantine
	change.PrimaryKey = new(tablestore.PrimaryKey)
	change.PrimaryKey.AddPrimaryKeyColumn("sha256", id)
	change.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
	change.AddColumn("payload", payload[:min(len(payload), maxQuarantined)])
	change.AddColumn("size_bytes", int64(len(payload)))
	change.AddColumn("reason", reason)
	change.AddColumn("function", function)
	change.AddColumn("at_ms", at.UnixMilli())
	return id, l.attempt(ctx, idempotent, "put into quarantine", func() error {
		_, err := l.client.PutRow(&tablestore.PutRowRequest{PutRowChange: change})
		return err
	})
}

// EachQuarantined calls each with every payload in quarantine.
func (l *Ledger) EachQuarantined(ctx context.Context, each func(Quarantined) error) error {
	from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	from.AddPrimaryKeyColumnWithMinValue("sha256")
	to.AddPrimaryKeyColumnWithMaxValue("sha256")
	return l.scan(ctx, "read quarantine", tableQuarantine, from, to, func(row *tablestore.Row) error {
		v := valuesOf(row.Columns)
		payload, _ := v["payload"].([]byte)
		return each(Quarantined{
			SHA256: keyText(row, 0), Payload: payload, Size: v.int("size_bytes"),
			Reason: v.text("reason"), Function: v.text("function"), At: fromMillis(v.int("at_ms")),
		})
	})
}
