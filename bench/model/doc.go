// Package model is what a server costs, and what a demand therefore needs: arithmetic, without a clock, a file or a socket.
//
//   - points.go: what was measured: the points that a model is fitted to.
//   - model.go: the costs, and what they predict for a point.
//   - fit.go: which costs explain which points.
//   - regress.go: coefficients with the least relative error, and what the points do not tell.
//   - nnls.go: least squares without negative coefficients.
//
// A cost that no point tells is named (Model.Missing), never guessed; points that tell nothing are an error, and no
// coefficient is ever NaN (TestDegeneratePointsAreAnError).
package model
