package backtest

// AtOnce is how many records are read in one part.
var AtOnce = &atOnce
