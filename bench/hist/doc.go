// Package hist is a histogram of latencies: an HDR histogram from a microsecond to ten minutes with three
// significant digits, about 180 KB once it is used, whatever the number of values.
//
//   - hist.go: all of it.
//
// As JSON it has the quantiles that people look for and, compressed, every value, so that reports can be made
// again without a new run (TestQuantilesOfAKnownSample).
package hist
