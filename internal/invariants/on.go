//go:build invariants || race

package invariants

// Enabled says whether this is a test build. It is a constant, so the compiler
// drops the branches it guards from every other build.
const Enabled = true
