package demo

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

var opening = time.UnixMilli(1_800_000_000_000)

func TestShopIsTheSameForTheSameSeed(t *testing.T) {
	a, b, other := newShop(1, opening), newShop(1, opening), newShop(2, opening)
	same := true
	for i := range 500 {
		x, y, z := a.change(), b.change(), other.change()
		if x != y {
			t.Fatalf("change %d: %+v and %+v", i, x, y)
		}
		same = same && x == z
	}
	if same {
		t.Error("two seeds give the same shop")
	}
}

func TestOrdersGoThroughTheirStatuses(t *testing.T) {
	s := newShop(3, opening)
	last := map[int]order{}
	for _, o := range s.orders {
		last[o.ID] = *o
	}
	arrived := 0
	for range 2000 {
		o := s.change()
		stage := slices.Index(statuses[:], o.Status)
		before, known := last[o.ID]
		switch {
		case stage < 0 || o.TotalCents <= 0 || o.Customer == "" || o.Item == "":
			t.Fatalf("an order nobody would believe: %+v", o)
		case !known && stage != 0:
			t.Fatalf("%+v is new and has a past", o)
		case known == (o.Replaces != 0):
			t.Fatalf("%+v replaces an order and is not new, or the other way round", o)
		case !known && last[o.Replaces].Status != "delivered":
			t.Fatalf("%+v replaces %+v", o, last[o.Replaces])
		case known && stage == before.stage && o.TotalCents == before.TotalCents:
			t.Fatalf("nothing changed in %+v", o)
		case known && stage != before.stage && (stage != before.stage+1 || o.TotalCents != before.TotalCents):
			t.Fatalf("from %+v to %+v", before, o)
		}
		if stage == len(statuses)-1 {
			arrived++
		}
		last[o.ID] = o
	}
	if arrived == 0 {
		t.Error("no order ever arrives")
	}
}

func TestEveryRowComesOncePerRound(t *testing.T) {
	s := newShop(4, opening)
	for round := range 50 {
		changed := map[int]bool{}
		for range rows {
			changed[s.change().ID] = true
		}
		if len(changed) != rows {
			t.Fatalf("round %d changed %d rows, want %d", round, len(changed), rows)
		}
	}
}

func TestFiguresStayInTheirBounds(t *testing.T) {
	s := newShop(5, opening)
	moved := false
	var last sample
	for i := range 20_000 {
		m := s.measure(opening.Add(time.Duration(i) * time.Second))
		if m.Visitors < 60 || m.Visitors > 400 || m.Orders < 4 || m.Orders > 80 || m.RevenueCents <= 0 || m.RevenueCents > 80*12_000 {
			t.Fatalf("after %d s: %+v", i, m)
		}
		moved = moved || m.Visitors != last.Visitors
		last = m
	}
	if !moved {
		t.Error("the figures stand still")
	}
}

func TestHistoryIsTwoMinutesFromTheStart(t *testing.T) {
	s := newShop(6, opening)
	for range 3 {
		m := s.measure(opening)
		h := s.history()
		for what, values := range map[string][]int{"revenue": h.RevenueCents, "orders": h.Orders, "visitors": h.Visitors} {
			if len(values) != historySeconds {
				t.Errorf("%d values of %s, want %d", len(values), what, historySeconds)
			}
		}
		if h.At != m.At || h.Visitors[historySeconds-1] != m.Visitors || h.RevenueCents[historySeconds-1] != m.RevenueCents {
			t.Errorf("the history does not end with %+v", m)
		}
	}
}

func TestEventsHaveTheDocumentedShape(t *testing.T) {
	s := newShop(7, opening)
	first := s.change()
	first.Replaces = 0
	fresh := s.change()
	fresh.Replaces = 1
	for _, tc := range []struct {
		data any
		want []string
	}{
		{first, []string{"customer", "id", "item", "status", "total_cents"}},
		{fresh, []string{"customer", "id", "item", "replaces", "status", "total_cents"}},
		{s.measure(opening), []string{"at", "orders", "revenue_cents", "visitors"}},
		{s.history(), []string{"at", "orders", "revenue_cents", "visitors"}},
		{message{}, []string{"at", "name", "text"}},
	} {
		raw, err := json.Marshal(tc.data)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range fields {
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, tc.want) {
			t.Errorf("%T has %v, want %v", tc.data, names, tc.want)
		}
	}
}
