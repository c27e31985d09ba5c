package ledger

// Classify is how errors are judged, and RowErrors are those of a batch's rows.
var Classify = classify

type RowErrors = rowErrors
