// Package plan says which calls the bare handler makes for one invocation: the
// calls of a function, with the same rows, columns and parameters, but without
// the decisions that led to them.
package plan

// Call is one call of a service.
type Call struct {
	// Name is the operation's name.
	Name string
	// Table is the table of a Tablestore call.
	Table string `json:",omitempty"`
	// Queue: a read of an instance's queued tasks, not of its other live rows.
	Queue bool `json:",omitempty"`
	// Beside says that the call runs in parallel to those after it.
	Beside bool `json:",omitempty"`
	// Changes are the rows that a Tablestore call writes, or reads by their keys.
	Changes []Change `json:",omitempty"`
	// Params are the parameters of a call of Cloud Assistant.
	Params map[string]string `json:",omitempty"`
}

// Change is one row to write or delete.
type Change struct {
	Delete bool `json:",omitempty"`
	// Existence is the condition on the row, by its number in the protocol.
	Existence int `json:",omitempty"`
	// Guarded says that there is a condition on one number as well.
	Guarded bool     `json:",omitempty"`
	Key     []Column `json:",omitempty"`
	Columns []Column `json:",omitempty"`
}

// Column is one column of a row or of a key.
type Column struct {
	Name   string
	Text   string
	Number int64 `json:",omitempty"`
	// IsNumber says that the value is Number, not Text.
	IsNumber bool `json:",omitempty"`
}

// Value is the column's value as the SDK takes it.
func (c Column) Value() any {
	if c.IsNumber {
		return c.Number
	}
	return c.Text
}
