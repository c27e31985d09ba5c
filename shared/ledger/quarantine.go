package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
)

// maxPart is how many bytes of a payload one row holds; a column's value may
// have 2 MB. A large payload has several rows, numbered from 0. The first is
// written last: if it exists, the payload is whole.
const maxPart = 1 << 20

const (
	colSHA256  = "sha256"
	colPart    = "part"
	colPayload = "payload"
	colSize    = "size_bytes"
)

// Quarantined is a payload, or an element of one, that no redelivery could
// repair.
type Quarantined struct {
	SHA256   string // 64 hex digits
	Size     int64  // in bytes
	Reason   string
	Function string
	At       time.Time
}

// QuarantineID is the key under which Quarantine keeps a payload: its SHA-256
// as 64 hex digits.
func QuarantineID(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

// Quarantine stores a whole payload; storing it again changes only the reason,
// the function and the time.
func (l *Ledger) Quarantine(ctx context.Context, function string, payload []byte, reason string, at time.Time) error {
	id := QuarantineID(payload)
	for part := max(0, len(payload)-1) / maxPart; part >= 0; part-- {
		change := new(tablestore.PutRowChange)
		change.TableName = tableQuarantine
		change.PrimaryKey = quarantineKey(id, part)
		change.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
		change.AddColumn(colPayload, payload[part*maxPart:min(len(payload), (part+1)*maxPart)])
		if part == 0 {
			change.AddColumn(colSize, int64(len(payload)))
			change.AddColumn("reason", reason)
			change.AddColumn("function", function)
			change.AddColumn("at_ms", at.UnixMilli())
		}
		err := l.attempt(ctx, idempotent, tableQuarantine, "put into quarantine", func() error {
			_, err := l.client.PutRow(&tablestore.PutRowRequest{PutRowChange: change})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func quarantineKey(id string, part int) *tablestore.PrimaryKey {
	pk := new(tablestore.PrimaryKey)
	pk.AddPrimaryKeyColumn(colSHA256, id)
	pk.AddPrimaryKeyColumn(colPart, int64(part))
	return pk
}

// EachQuarantined calls each with every payload's entry in quarantine. It does
// not read the payloads.
func (l *Ledger) EachQuarantined(ctx context.Context, each func(Quarantined) error) error {
	from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	for _, name := range []string{colSHA256, colPart} {
		from.AddPrimaryKeyColumnWithMinValue(name)
		to.AddPrimaryKeyColumnWithMaxValue(name)
	}
	columns := []string{colSize, "reason", "function", "at_ms"}
	return l.scan(ctx, "read quarantine", tableQuarantine, from, to, columns, func(row *tablestore.Row) error {
		if keyInt(row, 1) > 0 {
			return nil
		}
		v := valuesOf(row.Columns)
		return each(Quarantined{
			SHA256: keyText(row, 0), Size: v.int(colSize),
			Reason: v.text("reason"), Function: v.text("function"), At: fromMillis(v.int("at_ms")),
		})
	})
}

// QuarantinedPayload reads a payload that EachQuarantined listed.
func (l *Ledger) QuarantinedPayload(ctx context.Context, q Quarantined) ([]byte, error) {
	const what = "read a payload in quarantine"
	from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	from.AddPrimaryKeyColumn(colSHA256, q.SHA256)
	from.AddPrimaryKeyColumnWithMinValue(colPart)
	to.AddPrimaryKeyColumn(colSHA256, q.SHA256)
	to.AddPrimaryKeyColumnWithMaxValue(colPart)
	payload := []byte{}
	err := l.scan(ctx, what, tableQuarantine, from, to, []string{colPayload}, func(row *tablestore.Row) error {
		part, _ := valuesOf(row.Columns)[colPayload].([]byte)
		payload = append(payload, part...)
		return nil
	})
	if err == nil && QuarantineID(payload) != q.SHA256 {
		err = fmt.Errorf("%s: a part of it has expired: %w", what, engine.ErrInvalid)
	}
	return payload, err
}
