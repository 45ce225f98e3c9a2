// Package measure is what the server measures itself with: a clock, histograms that any goroutine may write to
// and read, and sums that one does.
//
//   - measure.go: all of it.
//
// An observation is two atomic additions and no allocation (TestObserveDoesNotAllocate). Nothing here knows who
// looks at it: internal/node turns it into metrics.
package measure
