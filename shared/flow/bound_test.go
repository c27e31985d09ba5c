package flow_test

import (
	"strings"
	"testing"

	"aftercare/shared/flow"
)

// What is costly in other ways than by its length is counted, too. [17]
func TestTheBoundCountsWhatIsCostlyAndShort(t *testing.T) {
	ev := ended()
	for r := rune(0x4e00); len(ev.ErrorDesc) < 24<<10; r++ {
		ev.ErrorDesc += string(r)
	}
	if steps, err, _ := flow.Work(`trim(event.errorDesc, event.errorDesc) == ""`, ev); err == nil {
		t.Errorf("each character is looked for among 8,192, in only %d steps", steps)
	}
	if _, err, _ := flow.Work(`trim(event.errorDesc, " \t") == ""`, ev); err != nil {
		t.Error(err)
	}
	for depth, fails := range map[int]bool{100: false, 101: true} {
		ev.ErrorDesc = strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if _, err, _ := flow.Work(`len(fromJSON(event.errorDesc)) > 9`, ev); (err != nil) != fails {
			t.Errorf("%d deep: %v", depth, err)
		}
	}
}

// The checker does not know the types of JSON, so functions say what they take. [17]
func TestWhatJSONGivesToFunctionsOfText(t *testing.T) {
	for _, text := range []string{`split(fromJSON("1"), ",") == []`, `secondsBetween(event.startTime, fromJSON("1")) > 1`, `split("a", fromJSON("null")) == []`} {
		if _, err, ok := flow.Work(text, ended()); !ok || err == nil || !strings.Contains(err.Error(), "text is expected") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
