package tablestore

import "time"

// The service's limits for wide-column tables, from its page "Limits of the
// wide column model". Sizes are bytes.
const (
	maxTables           = 64   // of one instance, with the indexes
	maxKeyColumns       = 4    // of a primary key; at least 1
	maxNameSize         = 255  // of a table or a column; at least 1
	maxPredefined       = 32   // predefined columns of a table
	maxIndexes          = 5    // of a table
	maxIndexColumns     = 4    // of an index, before its table's key completes them; at least 1
	maxIndexAttributes  = 32   // of an index
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

// Limits lists in full sentences what this emulator does not imitate, and every
// other known difference from the service.
func Limits() []string {
	return []string{
		"Streams: a table keeps its stream specification and DescribeTable returns it, but ListStream, DescribeStream, GetShardIterator and GetStreamRecord are refused with OTSUnsupportOperation.",
		"SQL, search indexes, time series tables, local transactions, delivery tasks, split points, and loading and unloading of tables are refused with OTSUnsupportOperation.",
		"CreateTable with pre-split partitions, server-side encryption or local transactions is refused with OTSUnsupportOperation.",
		"Regular expressions in conditions, continuation tokens inside a row, transaction ids and compressed requests are refused with OTSUnsupportOperation.",
		"Values are not checked against predefined columns. A row whose index column has a value of another type is not in the index.",
		"A global index shows each change the same time after it was made, at once by default; the service promises only milliseconds. Reads of an index that is made with the rows of its table are refused for that time with OTSTableNotReady, whose code is a guess.",
		"No page says whether an atomic BatchWriteRow may write to a table with a secondary index. Here it may; the option NoAtomicBatchOnIndexes refuses it.",
		"Nor does a page say how a write to an index, or a value of over 1 KB in an index column, is answered (here with OTSParameterInvalid), whether ListTable lists indexes (here not), and what DescribeTable returns for an index (here its completed key and its attributes).",
		"DescribeTable returns update_full_row, but it has no effect.",
		"The form of x-ots-date is checked, but not its age.",
		"Policies and the state of users and instances are not imitated: every accepted key may do everything, in every instance.",
		"The local Tablestore never answers OTSServerBusy, OTSRowOperationConflict, OTSTimeout or the like by itself: plan a fault for it. It limits neither table operations to 10 a second nor capacity.",
		"A table is ready as soon as CreateTable answers, and its rows are gone as soon as DeleteTable answers.",
		"Expired data cannot be read, but stays in the file until its row is written again or its table is deleted.",
		"A GetRange reads all its rows at one moment, and a plain BatchWriteRow writes all rows of a table at one moment: the service promises neither. OnRow makes a GetRange read row by row.",
		"An atomic BatchWriteRow that fails answers every row of the table with the first failure. Each change sees those before it, and two may name the same row, as in the SDK's own tests.",
		"A comparison of values of two types is false, whatever the operator.",
		"Consumed capacity units are computed from sizes only; the service may bill others.",
		"Messages follow the service's documentation; where it has none, they are our own.",
	}
}
