// Package plan says which calls the bare handler makes for one invocation:
// those that a function was seen to make, with the same rows, columns and
// parameters, and nothing of what led to them.
package plan

// Plan is the calls of one invocation for each row of the table of budgets,
// by the row's name.
type Plan map[string][]Call

// Call is one call of a service.
type Call struct {
	// Name is the operation's; that of a webhook is POST.
	Name string
	// Table is the table of a Tablestore call.
	Table string `json:",omitempty"`
	// Beside says that the call is made at the same time as those that
	// follow.
	Beside bool `json:",omitempty"`
	// Changes are the rows that a Tablestore call writes; the first one's key
	// is what a call for one row reads or deletes.
	Changes []Change `json:",omitempty"`
	// Params are what a call of Cloud Assistant is given.
	Params map[string]string `json:",omitempty"`
	// Body is what is posted to a webhook.
	Body string `json:",omitempty"`
}

// Change is one row to write or delete.
type Change struct {
	Delete bool `json:",omitempty"`
	// Existence is the condition on the row, by its number in the protocol.
	Existence int `json:",omitempty"`
	// Guarded says that the row has a condition on one number, too.
	Guarded bool     `json:",omitempty"`
	Key     []Column `json:",omitempty"`
	Columns []Column `json:",omitempty"`
}

// Column is one column of a row or of a key.
type Column struct {
	Name   string
	Text   string
	Number int64 `json:",omitempty"`
	// IsNumber tells which of the two it is.
	IsNumber bool `json:",omitempty"`
}

// Value is the column's value as the SDK takes it.
func (c Column) Value() any {
	if c.IsNumber {
		return c.Number
	}
	return c.Text
}
