package main

import (
	"context"

	"resound/bench"
)

type tableCommand struct {
	Tables  int     `default:"1" placeholder:"N" help:"Live tables, each a private channel (default ${default})."`
	Rows    int     `default:"500" placeholder:"N" help:"Rows of each (default ${default})."`
	Updates float64 `default:"50" placeholder:"N" help:"Changes of a row a second, of each table (default ${default})."`
	Viewers int     `default:"500" placeholder:"N" help:"Sockets in all, spread evenly over the tables (default ${default})."`
	Size    int     `default:"400" placeholder:"BYTES" help:"Bytes of a row's data, JSON (default ${default})."`
	pace
}

func (c tableCommand) Help() string {
	return `Live tables: each change of a row goes to all who look at the table.

    resound-bench table --rows 2000 --updates 100 --viewers 1000
    resound-bench table --tables 40 --viewers 8000 --updates 5`
}

func (c tableCommand) run(ctx context.Context) error {
	return c.groups(ctx, "table", bench.LiveTable{Tables: c.Tables, Rows: c.Rows, Viewers: c.Viewers, Size: c.Size, Updates: c.Updates}.Groups())
}
