package ledger

import (
	"context"
	"errors"
	"fmt"

	"aftercare/shared/version"
)

// rowSchema says for which version of the rows the tables were made. It is beside the
// concerns, so that who reads stops reads it, too; without data, it is no concern.
const (
	rowSchema = "~schema"
	colSchema = "schema"
	colBy     = "by"
)

// Schema is for which version of the rows the tables were made, and by which version
// of Aftercare; zero if nothing says so.
type Schema struct {
	Number int64
	By     string
}

// NewerTables is the error of a program that is older than the tables.
type NewerTables struct{ Schema }

func (e NewerTables) Error() string {
	return fmt.Sprintf("version %s of Aftercare made the tables for schema %d, and this is version %s, which knows schema %d: use version %s or a later one, of the tool and of the functions",
		e.By, e.Number, version.Name(), schemaVersion, e.By)
}

// OlderTables is the error if tables must be upgraded.
type OlderTables struct{ Schema }

func (e OlderTables) Error() string {
	return fmt.Sprintf("the tables are noted as of schema %d, and this version needs %d: run 'aftercare tables create', which upgrades them", e.Number, schemaVersion)
}

// check compares the tables with what this version needs.
func (s Schema) check() error {
	switch {
	case s.Number > schemaVersion:
		return NewerTables{s}
	case s.Number < schemaVersion:
		return OlderTables{s}
	}
	return nil
}

func schemaIn(v values) Schema { return Schema{v.int(colSchema), v.text(colBy)} }

// schema reads the row; zero if there is none or no table.
func (l *Ledger) schema(ctx context.Context) (Schema, values, error) {
	v, err := l.get(ctx, "read the schema", tableShared, sharedKey(scopeConcern, rowSchema))
	if IsMissing(err) {
		err = nil
	}
	return schemaIn(v), v, err
}

// upgraded notes that the tables are of this version's schema, unless that is noted.
func (l *Ledger) upgraded(ctx context.Context) error {
	const what = "note the schema"
	for n := 1; n <= writeTries; n++ {
		s, v, err := l.schema(ctx)
		if err != nil || !errors.As(s.check(), new(OlderTables)) {
			return errors.Join(err, s.check())
		}
		columns := append(others(v, colSchema, colBy, colKey), column{colSchema, int64(schemaVersion)}, column{colBy, version.Name()}, column{colKey, newKey()})
		err = l.putShared(ctx, once, what, sharedKey(scopeConcern, rowSchema), unchanged(v), columns...)
		if err == nil || !readAgain(err) && !IsMissing(err) { // it may be new
			return err
		}
		l.pause(ctx, n)
	}
	return contended(what, false)
}

// noticed tells who wants to know that the tables are newer.
func (l *Ledger) noticed(v values) {
	if newer := (NewerTables{}); l.newer != nil && errors.As(schemaIn(v).check(), &newer) {
		l.newer(newer)
	}
}
