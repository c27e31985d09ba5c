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
		columns := []column{{colPayload, payload[part*maxPart : min(len(payload), (part+1)*maxPart)]}}
		if part == 0 {
			columns = append(columns, column{colSize, int64(len(payload))}, column{"reason", reason},
				column{"function", function}, column{"at_ms", at.UnixMilli()})
		}
		key := keyOf(column{colSHA256, id}, column{colPart, int64(part)})
		if err := l.put(ctx, idempotent, "put into quarantine", putOf(tableQuarantine, key, anyway(), columns...)); err != nil {
			return err
		}
	}
	return nil
}

// Unquarantine removes a payload that EachQuarantined listed; it may be repeated.
// The first part goes first: without it, the payload is not listed.
func (l *Ledger) Unquarantine(ctx context.Context, q Quarantined) error {
	for part := range max(0, q.Size-1)/maxPart + 1 {
		pk := keyOf(column{colSHA256, q.SHA256}, column{colPart, part})
		if err := l.remove(ctx, idempotent, "remove from quarantine", tableQuarantine, pk, anyway()); err != nil {
			return err
		}
	}
	return nil
}

// EachQuarantined calls each with every payload's entry in quarantine. It does
// not read the payloads.
func (l *Ledger) EachQuarantined(ctx context.Context, each func(Quarantined) error) error {
	from, to := keyOf(column{colSHA256, first}, column{colPart, first}), keyOf(column{colSHA256, last}, column{colPart, last})
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
	of := column{colSHA256, q.SHA256}
	from, to := keyOf(of, column{colPart, first}), keyOf(of, column{colPart, last})
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
