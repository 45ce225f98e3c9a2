// Package model is what a server costs, and what a demand therefore needs: arithmetic, without a clock, a file or a socket.
//
//   - points.go: what was measured: the points that a model is fitted to.
//   - model.go: the costs, and what they predict for a point.
//   - fit.go: which costs explain which points.
//   - regress.go: coefficients with the least relative error, and what the points do not tell.
//   - nnls.go: least squares without negative coefficients.
//   - units.go: what people write: 5/s, 2kb, 16c/32g.
//   - demand.go: what a server has to do.
//   - need.go: what that takes.
//   - plan.go: whether a machine has it, and what it runs out of first.
//   - basis.go: what a figure rests on: measured, interpolated or extrapolated.
//   - settings.go: the lines for sysctl, systemd, resound and nginx.
//   - page.go: the answer for people.
//
// A cost that no point tells is named (Model.Missing), never guessed; points that tell nothing are an error, and no
// coefficient is ever NaN (TestDegeneratePointsAreAnError).
package model
