package demo

import (
	"math/rand/v2"
	"time"
)

// rows is the number of orders that the shop shows at a time.
const rows = 12

// historySeconds is the length of the chart.
const historySeconds = 120

// statuses in the order in which an order goes through them.
var statuses = [...]string{"placed", "paid", "packed", "shipped", "delivered"}

var customers = [...]string{
	"Amara Okafor", "Bruno Keller", "Chiara Rossi", "Daniel Novak", "Elif Demir", "Farid Haddad", "Greta Lind",
	"Hana Sato", "Ivo Petrov", "Jana Horak", "Kofi Mensah", "Lucia Marin", "Mateo Silva", "Nora Berg", "Omar Aziz",
	"Priya Nair", "Quinn Doyle", "Rosa Vidal", "Sven Olsen", "Tess Visser",
}

var goods = [...]struct {
	name  string
	cents int
}{
	{"Desk lamp", 5900}, {"Wool blanket", 8450}, {"Coffee grinder", 12900}, {"Notebook, dotted", 1450},
	{"Walnut tray", 3900}, {"Pour-over set", 4725}, {"Linen apron", 3600}, {"Cast iron pan", 7950},
	{"Bread knife", 4300}, {"Ceramic mug", 1850}, {"Plant stand", 6400}, {"Bookends, brass", 5250},
}

// order is the data of order.updated.
type order struct {
	ID         int    `json:"id"`
	Customer   string `json:"customer"`
	Item       string `json:"item"`
	Status     string `json:"status"`
	TotalCents int    `json:"total_cents"`
	Replaces   int    `json:"replaces,omitempty"` // id of the order in whose row a new one is

	stage int // index of Status
	price int // cents of one piece
	count int
}

// sample is the data of metrics.updated.
type sample struct {
	At           int64 `json:"at"`            // Unix milliseconds
	RevenueCents int   `json:"revenue_cents"` // per minute
	Orders       int   `json:"orders"`        // per minute
	Visitors     int   `json:"visitors"`
}

// history is the data of metrics.history: one value a second, oldest first, the
// last of them from the time At.
type history struct {
	At           int64 `json:"at"`
	RevenueCents []int `json:"revenue_cents"`
	Orders       []int `json:"orders"`
	Visitors     []int `json:"visitors"`
}

// shop is the invented shop. The same seed and the same calls give the same
// events. One goroutine at a time.
type shop struct {
	rnd    *rand.Rand
	nextID int
	orders [rows]*order
	turn   []int // the rows that have not changed in this round

	visitors, rate, basket float64 // where the random walks are
	past                   []sample
}

// newShop returns a shop that has been open for a while before now: a chart
// that starts empty looks broken.
func newShop(seed uint64, now time.Time) *shop {
	s := &shop{
		rnd:    rand.New(rand.NewPCG(seed, 0)),
		nextID: 10_400, visitors: 180, rate: 24, basket: 6400,
	}
	for i := range s.orders {
		s.orders[i] = s.newOrder()
		s.orders[i].advance(s.rnd.IntN(len(statuses) - 1))
	}
	for i := range historySeconds {
		s.measure(now.Add(time.Duration(i-historySeconds) * time.Second))
	}
	return s
}

func (s *shop) newOrder() *order {
	s.nextID++
	g := goods[s.rnd.IntN(len(goods))]
	o := &order{
		ID: s.nextID, Customer: customers[s.rnd.IntN(len(customers))], Item: g.name,
		price: g.cents, count: 1 + s.rnd.IntN(3),
	}
	o.advance(0)
	return o
}

func (o *order) advance(stages int) {
	o.stage += stages
	o.Status = statuses[o.stage]
	o.TotalCents = o.price * o.count
}

// change lets something happen to one order and returns what it is now. Every
// row comes once in a round of all of them, so a page that has just been opened
// is complete after two rounds at the latest.
func (s *shop) change() order {
	if len(s.turn) == 0 {
		s.turn = s.rnd.Perm(rows)
	}
	i := s.turn[0]
	s.turn = s.turn[1:]
	o := s.orders[i]
	switch {
	case o.stage == len(statuses)-1: // it has arrived; the row is for a new one
		s.orders[i] = s.newOrder()
		fresh := *s.orders[i]
		fresh.Replaces = o.ID
		return fresh
	case o.stage < 2 && s.rnd.IntN(5) < 2: // until it is packed the customer may think again
		if o.count == 1 || o.count < 4 && s.rnd.IntN(2) == 0 {
			o.count++
		} else {
			o.count--
		}
		o.advance(0)
	default:
		o.advance(1)
	}
	return *o
}

// measure moves the figures by one second.
func (s *shop) measure(now time.Time) sample {
	s.visitors = s.walk(s.visitors, 180, 5, 60, 400)
	s.rate = s.walk(s.rate, s.visitors*0.14, 0.9, 4, 80) // visitors draw orders after them
	s.basket = s.walk(s.basket, 6400, 180, 2500, 12_000)
	m := sample{
		At: now.UnixMilli(), RevenueCents: int(s.rate * s.basket),
		Orders: int(s.rate + 0.5), Visitors: int(s.visitors + 0.5),
	}
	s.past = append(s.past, m)
	if extra := len(s.past) - historySeconds; extra > 0 {
		s.past = s.past[extra:]
	}
	return m
}

// walk takes one random step of about the given size, drawn towards home and
// kept within low and high.
func (s *shop) walk(v, home, step, low, high float64) float64 {
	v += s.rnd.NormFloat64()*step + (home-v)*0.02
	return min(max(v, low), high)
}

// history returns the figures of the last two minutes.
func (s *shop) history() history {
	var h history
	for _, m := range s.past {
		h.At = m.At
		h.RevenueCents = append(h.RevenueCents, m.RevenueCents)
		h.Orders = append(h.Orders, m.Orders)
		h.Visitors = append(h.Visitors, m.Visitors)
	}
	return h
}
