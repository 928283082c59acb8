package twap

// Depart takes the order out of the market: it follows no benchmark any more and rests nowhere. Its executor no longer
// works it.
func (w *Work) Depart(m *Market) {
	m.unfollow(w.Order.ID)
	m.leave(w.Order.ID)
}
