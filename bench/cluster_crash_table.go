package bench

import "fmt"

// crashRow is a row of the table: a time or a latency in the middle of the deaths, or a count of all of them.
type crashRow struct {
	name  string
	time  func(CrashRound) float64
	count func(CrashRound) int64
}

var crashRows = []crashRow{
	{name: "half of its sockets are back, s", time: func(c CrashRound) float64 { return c.Back.P50 / 1000 }},
	{name: "99 % of them, s", time: func(c CrashRound) float64 { return c.Back.P99 / 1000 }},
	{name: "all of them, s", time: func(c CrashRound) float64 { return c.Back.Max / 1000 }},
	{name: "sockets that were still away at the end", count: func(c CrashRound) int64 { return int64(c.Away) }},
	{name: "its next process listens, s", time: func(c CrashRound) float64 { return c.Listened }},
	{name: "a member on another node is told that all of its members are gone, s", time: func(c CrashRound) float64 { return c.Told }},
	{name: "the API of another node names none of them, s", time: func(c CrashRound) float64 { return c.Listed }},
	{name: "events that were replayed to its sockets", count: func(c CrashRound) int64 { return c.Replay.Replayed }},
	{name: "events lost to sockets with replay", count: func(c CrashRound) int64 { return c.Replay.Lost }},
	{name: "times that one of them was told of a gap", count: func(c CrashRound) int64 { return c.Replay.Gaps }},
	{name: "events lost to sockets without replay", count: func(c CrashRound) int64 { return c.Plain.Lost }},
	{name: "events lost to sockets of the other nodes", count: func(c CrashRound) int64 { return c.Others.Lost }},
	{name: "events that came twice or out of order, to any", count: func(c CrashRound) int64 {
		return c.Replay.Duplicates + c.Replay.Disorder + c.Plain.Duplicates + c.Plain.Disorder + c.Others.Duplicates + c.Others.Disorder
	}},
	{name: "publishes that were refused", count: func(c CrashRound) int64 { return c.Replay.Failed + c.Plain.Failed + c.Others.Failed }},
	{name: fmt.Sprintf("sockets of the other nodes: p99 in the %d s before, ms", besideSeconds), time: func(c CrashRound) float64 { return c.Before.P99 }},
	{name: fmt.Sprintf("in the %d s behind, ms", besideSeconds), time: func(c CrashRound) float64 { return c.Beside.P99 }},
}

// Table has a column for either way back.
func (r *ClusterCrashResult) Table() Table {
	t := Table{
		Title: fmt.Sprintf("One of %d nodes with %s sockets each dies (kill -9), while %s events of %d bytes a second go on, and is started again after %s s",
			r.Nodes, thousands(float64(r.Sockets)), number(r.Rate), r.Payload, number(r.Down)),
		Header: []string{"from its death"},
	}
	columns := [][]CrashRound{}
	for _, other := range []bool{true, false} {
		var rounds []CrashRound
		for _, round := range r.Rounds {
			if round.Other == other {
				rounds = append(rounds, round)
			}
		}
		if len(rounds) > 0 {
			t.Header = append(t.Header, where(other))
			columns = append(columns, rounds)
		}
	}
	for _, row := range crashRows {
		cells := []string{row.name}
		for _, rounds := range columns {
			cells = append(cells, row.of(rounds))
		}
		if len(columns) > 0 {
			t.Rows = append(t.Rows, cells)
		}
	}
	t.Notes = append(t.Notes, fmt.Sprintf("Each column is %s: times are medians, with the quartiles in brackets, counts are sums. A socket that was closed waits one second before it dials again, as pusher-js does; "+
		"half of them ask for what they missed. The members are %d of a presence channel, who do not come back. The latency counts from when an event was due, to a few percent. "+
		"Nodes and Redis share one core, the load has the other.", plural(max(len(r.Rounds)/2, 1), "death"), r.Members))
	if r.Partial {
		t.Notes = append(t.Notes, "Interrupted: these are the deaths that had finished.")
	}
	return t
}

// of is the row's cell for some deaths.
func (row crashRow) of(rounds []CrashRound) string {
	if row.count != nil {
		total := int64(0)
		for _, round := range rounds {
			total += row.count(round)
		}
		return thousands(float64(total))
	}
	var list []float64
	for _, round := range rounds {
		list = append(list, row.time(round))
	}
	if len(list) == 1 {
		return number(list[0])
	}
	return spreadOf(list).String()
}

func where(other bool) string {
	if other {
		return "back to the other nodes"
	}
	return "back to its next process"
}

// Servers implements Result.
func (r *ClusterCrashResult) Servers() []Target { return clusterServers(r.Node)[2:] }

// Figures are the sockets of the node that died and the latency of the others, second by second, each of the first death of its kind.
func (r *ClusterCrashResult) Figures() []Figure {
	open := Figure{Name: "open", Title: "Sockets of the node that died, wherever they are", X: "seconds from its death", Y: "sockets"}
	beside := Figure{Name: "beside", Title: "Events to the sockets of the other nodes", X: "seconds from the death", Y: "p99, ms"}
	seen := map[bool]bool{}
	for _, round := range r.Rounds {
		if seen[round.Other] {
			continue
		}
		seen[round.Other] = true
		sockets, p99 := Line{Name: where(round.Other)}, Line{Name: where(round.Other)}
		for _, s := range round.Seconds {
			sockets.add(float64(s.Second+1), float64(s.Open))
			p99.add(float64(s.Second)+0.5, s.P99)
		}
		open.Lines, beside.Lines = append(open.Lines, sockets), append(beside.Lines, p99)
	}
	return []Figure{open, beside}
}
