// Package twap is the engine that works an order in slices over a window of time: what is due, what a slice wants, which
// books may be used, where it is sent, what it gets there, and what the execution cost.
//
// It is a function of values. A Market is what is known of the exchanges, fed by its one owner; a Work is an order being
// worked, changed by Fold alone, from events; everything else computes what would be, and changes nothing but the
// Market's own bookkeeping of who follows which benchmark and which orders rest where. No clock, no lock, no goroutine, no
// float; chance comes from the order's seed, and no map is walked where its order could show. Quantities are counted in whole grains of the finest
// quantity step of the order's exchanges, money in exact decimals.
//
// It holds no funds and numbers no events: that is package account. It knows no bus and no exchange's protocol.
package twap
