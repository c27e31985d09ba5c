package remediation

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

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

// markerLen is the length of " [" + task id + "]".
const markerLen = 2 + 32 + 1

// MaxNameLen is how long a command's given name may be, in bytes: Cloud
// Assistant takes 128 characters, Aftercare's marker included.
const MaxNameLen = 128 - markerLen

// MarkedName is the name under which a task's command is run, so that its end
// finds the task even before the invoke id was stored.
func MarkedName(given, taskID string) string { return given + " [" + taskID + "]" }

// SplitName takes Aftercare's marker off a command's name. The id is empty if
// there is no marker.
func SplitName(name string) (given, taskID string) {
	if len(name) < markerLen || !strings.HasSuffix(name, "]") {
		return name, ""
	}
	at := len(name) - markerLen
	id := name[at+2 : len(name)-1]
	if name[at:at+2] != " [" || strings.Trim(id, "0123456789abcdef") != "" {
		return name, ""
	}
	return name[:at], id
}

func executionKey(e event.TaskCompleted) string { return "exec/" + e.InvokeID + "/" + e.Suffix() }

func inputKey(key string) string { return "input/" + key }

func effectKey(kind EffectKind, owner, step string, attempt int) string {
	return Key(string(kind), owner, step, strconv.Itoa(attempt))
}
