package market

import (
	"math"
	"time"
)

// Mood is how the market behaves on request. The zero value is as always.
type Mood string

// The moods.
const (
	Usual Mood = ""
	// Calm is a quarter of the usual movement, and fewer orders.
	Calm Mood = "calm"
	// Volatile is four times the usual movement, in books of half the size.
	Volatile Mood = "volatile"
	// Thin is books of a twentieth of their size, with gaps between bid and ask.
	Thin Mood = "thin"
	// Trending is a steady movement of some 24 basis points a minute; up or down, the seed decides.
	Trending Mood = "trending"
	// Crash is a fall by six per cent within ten seconds, of which most is made up for in the two minutes after. Then it ends.
	Crash Mood = "crash"
)

// Moods are all of them but the usual one.
var Moods = []Mood{Calm, Volatile, Thin, Trending, Crash}

// manner is what a mood does.
type manner struct {
	gain     float64 // of the prices' own movement; 1 changes nothing
	trend    float64 // of the logarithmic price a step
	activity float64
	size     float64 // of all quantities
	wide     float64 // share of the quotes with a gap, at least
}

var manners = map[Mood]manner{
	Usual:    {gain: 1, activity: 1, size: 1},
	Calm:     {gain: 0.25, activity: 0.3, size: 1},
	Volatile: {gain: 4, activity: 5, size: 0.5},
	Thin:     {gain: 1, activity: 0.6, size: 0.05, wide: 0.6},
	Trending: {gain: 1, trend: 0.04e-4, activity: 1.5, size: 1},
	Crash:    {gain: 1, activity: 8, size: 0.2, wide: 0.3},
}

const (
	// heal is what is left of a shift after a usual step: half of it is gone after two minutes.
	heal = 0.9995
	// maxShift bounds how far moods carry a logarithmic price away.
	maxShift = 1.0
	// keptShifts is how many steps of a shift are remembered, for the exchanges that lag; a power of two.
	keptShifts = 64

	crashDepth, crashLeft = 0.06, 0.015
	crashFall, crashRise  = 100, 1200 // steps
)

// feeling is the market's mood and what moods have done to the prices.
type feeling struct {
	mood        Mood
	since, ends int64 // steps; ends is 0 where the mood lasts
	sign        float64
	shifts      map[string]*shift // of base assets; nil until somebody asks for a mood
}

// shift is how far moods have carried an asset's logarithmic price from its path.
type shift struct {
	past [keptShifts]float64 // by the step
	step int64               // the last one
}

// put notes the shift at a step, and at those that were skipped before it.
func (s *shift) put(step int64, v float64) {
	for k := max(s.step+1, step-keptShifts+1); k <= step; k++ {
		s.past[k%keptShifts] = v
	}
	s.step = step
}

// at is the shift at a step; of steps that are no longer remembered, or were skipped, the nearest.
func (s *shift) at(step int64) float64 {
	return s.past[min(s.step, max(step, s.step-keptShifts+1))%keptShifts]
}

// Feel changes the mood, for a time or, where that is zero, until it is changed again.
func (m *Market) Feel(mood Mood, d time.Duration) {
	f := &m.feeling
	f.mood, f.since, f.ends, f.sign = mood, m.step, 0, 1
	if d > 0 {
		f.ends = m.step + max(1, int64(d/Grid))
	}
	if mood == Crash {
		f.ends = m.step + crashFall + crashRise
	}
	if hash(m.seed, uint64(m.step))&1 == 0 {
		f.sign = -1
	}
	if f.shifts == nil {
		f.shifts = map[string]*shift{}
		for i := range m.fairs {
			f.shifts[m.pairs[i].Base] = &shift{step: m.step}
		}
	}
	for _, p := range m.pairs {
		p.want = manners[mood]
	}
}

// Mood is the present one.
func (m *Market) Mood() Mood { return m.feeling.mood }

// feel lets a step of the mood pass.
func (m *Market) feel() {
	f := &m.feeling
	if f.shifts == nil {
		return // nobody has ever asked for anything
	}
	if f.ends > 0 && m.step >= f.ends {
		m.Feel(Usual, 0)
	}
	way := manners[f.mood]
	fall := 0.0
	if f.mood == Crash {
		fall = crashed(m.step-f.since) - crashed(m.step-f.since-1)
	}
	for i := range m.fairs {
		fair := &m.fairs[i]
		s := f.shifts[m.pairs[i].Base]
		if s.step == m.step {
			continue // another pair of the same asset has done it
		}
		v := s.past[s.step%keptShifts] + fair.baseOf.beta*(fall+f.sign*way.trend)
		if way.gain != 1 {
			v += (way.gain - 1) * (fair.asset(m.step) - fair.asset(m.step-1))
		}
		if f.mood == Usual || f.mood == Thin {
			v *= heal
		}
		s.put(m.step, math.Max(-maxShift, math.Min(maxShift, v)))
	}
}

// shifted is a pair's price with what moods have done to it.
func (m *Market) shifted(i int, price float64) float64 {
	shifts := m.feeling.shifts
	if shifts == nil {
		return price
	}
	spec := m.fairs[i].spec
	v := shifts[spec.Base].at(m.step - spec.lag)
	if quote := shifts[spec.Quote]; quote != nil {
		v -= quote.at(m.step - spec.lag)
	}
	return price * math.Exp(v)
}

// asset is the logarithmic price of the base asset alone.
func (f *fair) asset(step int64) float64 {
	common, _ := f.common.at(step)
	own, _ := f.base.at(step)
	return f.baseOf.beta*common + f.baseOf.own*own
}

// rescale brings a book at once to the size that the mood wants.
func (p *Pair) rescale() {
	ratio := p.want.size / p.have.size
	p.have = p.want
	if ratio == 1 {
		return
	}
	for _, side := range []*ladder{&p.bids, &p.asks} {
		for _, l := range side.levels { // set changes the quantity in place
			p.set(side.bid, l.Price, max(1, int64(float64(l.Qty)*ratio)))
		}
	}
}

// crashed is how far a crash has carried the logarithmic price, some steps after it began.
func crashed(steps int64) float64 {
	switch {
	case steps <= 0:
		return 0
	case steps <= crashFall:
		return -crashDepth * float64(steps) / crashFall
	}
	risen := math.Min(1, float64(steps-crashFall)/crashRise)
	return -crashDepth + (crashDepth-crashLeft)*(1-(1-risen)*(1-risen))
}
