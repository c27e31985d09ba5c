package tablestore

import "time"

// The service's limits for wide-column tables, from its page "Limits of the
// wide column model". Sizes are bytes.
const (
	maxTables           = 64   // of one instance
	maxKeyColumns       = 4    // of a primary key; at least 1
	maxNameSize         = 255  // of a table or a column; at least 1
	maxPredefined       = 32   // predefined columns of a table
	maxThroughput       = 1e5  // reserved capacity units
	maxKeySize          = 1024 // of one string or binary primary key column
	maxValueSize        = 2 << 20
	maxColumns          = 1024 // attribute columns of one written row
	maxRowSize          = 4 << 20
	maxBodySize         = 5 << 20
	maxColumnsToGet     = 128
	maxBatchGetRows     = 100
	maxBatchWriteRows   = 200
	maxBatchWriteSize   = 4 << 20
	maxRangeRows        = 5000
	maxRangeSize        = 4 << 20
	maxConditions       = 10 // of one condition or filter
	minTimeToLive       = 86400
	maxStreamExpiration = 168 // hours
	capacityUnit        = 4096

	defaultDeviation     = 86400 // seconds between a cell's version and now
	throughputAdjustment = 2 * time.Minute
)

// Limits lists in full sentences what this emulator does not imitate, and
// where it is known to differ from the service.
func Limits() []string {
	return []string{
		"Streams: a stream specification is kept and described, but ListStream, DescribeStream, GetShardIterator and GetStreamRecord are refused with OTSUnsupportOperation.",
		"SQL, search indexes, time series tables, secondary indexes, local transactions, delivery tasks, predefined columns after CreateTable, split points, and loading and unloading of tables are refused with OTSUnsupportOperation.",
		"CreateTable with pre-split partitions, server-side encryption, indexes or local transactions is refused with OTSUnsupportOperation.",
		"Regular expressions in conditions, continuation tokens inside a row, transaction ids and compressed requests are refused with OTSUnsupportOperation.",
		"Predefined columns are kept and described, but values are not checked against them.",
		"update_full_row is kept and described, but has no effect.",
		"The age of x-ots-date is not checked; its form is.",
		"Policies and the state of users and instances are not imitated: every accepted key may do everything, in every instance.",
		"The service never answers OTSServerBusy, OTSRowOperationConflict, OTSTimeout or the like by itself: plan a fault for it. The limit of 10 table operations a second is not kept either, nor is any capacity.",
		"A table is ready as soon as CreateTable answers, and its rows are gone as soon as DeleteTable answers.",
		"Expired data is unreadable at once, and leaves the file only when its row is written again or its table is deleted.",
		"A GetRange sees one moment, and so do the rows of a plain BatchWriteRow: the service promises neither. OnRow makes a GetRange read row by row.",
		"An atomic BatchWriteRow that fails answers the first failure for each row of the table. Its rows see the changes of those before them, and may name one row twice, as the SDK's own tests do.",
		"A comparison of values of two types is false, whatever the operator.",
		"Capacity units are counted from sizes, not as they would be billed.",
		"Messages follow the service's documentation; where that has none, the text is ours.",
	}
}
