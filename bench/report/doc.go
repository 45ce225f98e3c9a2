// Package report makes pages and plots of saved results. It measures nothing,
// and starts nothing: what it is given is all that it knows.
//
//   - page.go: what a page shows, and the page as Markdown.
//   - html.go, page.html.tmpl: the page as one HTML file.
//   - benchmarks.go: BENCHMARKS.md out of its template and the saved results.
//   - gobench.go: saved output of go test -bench.
//   - arithmetic.go: what the template may compute.
//   - figure.go: a figure as SVG, drawn by gonum/plot.
//   - canvas.go: SVG for light and dark pages.
//   - paint.go: colours and fonts.
//   - axis.go: where axes are marked.
//
// The same results give the same bytes, so that pages and plots can be kept in
// the repository and a test can see that they are what the results say.
package report
