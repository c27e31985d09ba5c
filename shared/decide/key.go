package decide

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"aftercare/shared/event"
)

// Key derives an id of 32 hex digits from what it identifies. The parts are
// kept apart, so ("ab", "c") and ("a", "bc") differ.
func Key(parts ...string) string {
	h := sha256.New()
	var length [20]byte
	for _, p := range parts {
		h.Write(strconv.AppendInt(length[:0], int64(len(p)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

func executionKey(e event.TaskCompleted) string { return "exec/" + e.InvokeID + "/" + e.Suffix() }

func inputKey(key string) string { return "input/" + key }

func sendKey(kind SendKind, taskID string, attempt int) string {
	return Key(string(kind), taskID, "", strconv.Itoa(attempt))
}
