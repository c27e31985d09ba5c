package tablestore

import (
	"cmp"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// filter is a parsed condition or filter: exactly one field is set.
type filter struct {
	column   *columnFilter
	combined *combinedFilter
	page     *otsprotocol.ColumnPaginationFilter
}

type columnFilter struct {
	name        string
	comparator  otsprotocol.ComparatorType
	value       value
	passMissing bool
	latestOnly  bool
}

type combinedFilter struct {
	operator otsprotocol.LogicalOperator
	parts    []*filter
}

// parseFilter decodes a filter; without bytes it returns nil, which matches all
// rows. pages allows a pagination filter, which a write's condition cannot have.
func parseFilter(b []byte, pages bool) (*filter, error) {
	if len(b) == 0 {
		return nil, nil
	}
	left := maxConditions
	return parseFilterPart(b, pages, &left, 0)
}

func parseFilterPart(b []byte, pages bool, left *int, depth int) (*filter, error) {
	if depth > maxConditions {
		return nil, errParameter("The filter is nested too deeply.")
	}
	outer := new(otsprotocol.Filter)
	if err := proto.Unmarshal(b, outer); err != nil {
		return nil, errParameter("Invalid filter: %v.", err)
	}
	switch outer.GetType() {
	case otsprotocol.FilterType_FT_SINGLE_COLUMN_VALUE:
		if *left--; *left < 0 {
			return nil, errParameter("The number of conditions exceeds the limit, limit count: %d.", maxConditions)
		}
		return parseColumnFilter(outer.Filter)
	case otsprotocol.FilterType_FT_COMPOSITE_COLUMN_VALUE:
		inner := new(otsprotocol.CompositeColumnValueFilter)
		if err := proto.Unmarshal(outer.Filter, inner); err != nil {
			return nil, errParameter("Invalid composite filter: %v.", err)
		}
		out := &combinedFilter{operator: inner.GetCombinator()}
		count := len(inner.SubFilters)
		if count == 0 || out.operator == otsprotocol.LogicalOperator_LO_NOT && count != 1 ||
			out.operator != otsprotocol.LogicalOperator_LO_NOT && count < 2 {
			return nil, errParameter("Invalid number of sub filters: %d.", count)
		}
		for _, sub := range inner.SubFilters {
			b, err := proto.Marshal(sub)
			if err != nil {
				return nil, errParameter("Invalid sub filter: %v.", err)
			}
			part, err := parseFilterPart(b, false, left, depth+1)
			if err != nil {
				return nil, err
			}
			out.parts = append(out.parts, part)
		}
		return &filter{combined: out}, nil
	case otsprotocol.FilterType_FT_COLUMN_PAGINATION:
		inner := new(otsprotocol.ColumnPaginationFilter)
		if err := proto.Unmarshal(outer.Filter, inner); err != nil {
			return nil, errParameter("Invalid pagination filter: %v.", err)
		}
		if !pages {
			return nil, errParameter("A pagination filter is not allowed here.")
		}
		if inner.GetOffset() < 0 || inner.GetLimit() < 0 {
			return nil, errParameter("The offset and the limit of a pagination filter must not be negative.")
		}
		return &filter{page: inner}, nil
	}
	return nil, errParameter("Invalid filter type: %d.", outer.GetType())
}

func parseColumnFilter(b []byte) (*filter, error) {
	inner := new(otsprotocol.SingleColumnValueFilter)
	if err := proto.Unmarshal(b, inner); err != nil {
		return nil, errParameter("Invalid column filter: %v.", err)
	}
	if inner.ValueTransRule != nil {
		return nil, errUnsupported("A regular expression in a filter")
	}
	if err := checkName("column", inner.GetColumnName()); err != nil {
		return nil, err
	}
	r := reader{rest: inner.ColumnValue}
	v, err := r.variant()
	if err != nil || len(r.rest) > 0 || v.kind > kindBinary {
		return nil, errParameter("Invalid value in the filter on column '%s'.", inner.GetColumnName())
	}
	return &filter{column: &columnFilter{
		name:        inner.GetColumnName(),
		comparator:  inner.GetComparator(),
		value:       v,
		passMissing: !inner.GetFilterIfMissing(),
		latestOnly:  inner.GetLatestVersionOnly(),
	}}, nil
}

// matches reports whether a row, cells sorted with the newest version of a
// column first, satisfies the filter. A pagination filter drops no rows.
func (f *filter) matches(r row) bool {
	switch {
	case f == nil || f.page != nil:
		return true
	case f.column != nil:
		return f.column.matches(r)
	}
	for _, part := range f.combined.parts {
		ok := part.matches(r)
		switch f.combined.operator {
		case otsprotocol.LogicalOperator_LO_NOT:
			return !ok
		case otsprotocol.LogicalOperator_LO_AND:
			if !ok {
				return false
			}
		default:
			if ok {
				return true
			}
		}
	}
	return f.combined.operator == otsprotocol.LogicalOperator_LO_AND
}

func (f *columnFilter) matches(r row) bool {
	found := false
	for _, cells := range [][]cell{r.key, r.cells} {
		for _, c := range cells {
			if c.name != f.name {
				continue
			}
			if found && f.latestOnly {
				break
			}
			found = true
			if compare(f.comparator, c.value, f.value) {
				return true
			}
		}
	}
	return !found && f.passMissing
}

// compare reports whether a stands in the given relation to b; values of
// different types never do.
func compare(comparator otsprotocol.ComparatorType, a, b value) bool {
	if a.kind != b.kind {
		return false
	}
	var order int
	switch a.kind {
	case kindInteger:
		order = cmp.Compare(a.integer(), b.integer())
	case kindDouble:
		order = cmp.Compare(a.double(), b.double())
	case kindBoolean:
		order = cmp.Compare(a.number, b.number)
	default:
		order = strings.Compare(a.text, b.text)
	}
	switch comparator {
	case otsprotocol.ComparatorType_CT_EQUAL:
		return order == 0
	case otsprotocol.ComparatorType_CT_NOT_EQUAL:
		return order != 0
	case otsprotocol.ComparatorType_CT_GREATER_THAN:
		return order > 0
	case otsprotocol.ComparatorType_CT_GREATER_EQUAL:
		return order >= 0
	case otsprotocol.ComparatorType_CT_LESS_THAN:
		return order < 0
	}
	return order <= 0
}
