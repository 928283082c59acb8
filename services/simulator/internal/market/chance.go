package market

import (
	"math"
	"math/bits"
)

// mix is the finalizer of SplitMix64: a bijection that scatters its input over all bits.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// hash makes one number of several, order mattering.
func hash(seed uint64, parts ...uint64) uint64 {
	for _, p := range parts {
		seed = mix(seed + golden*(p+1))
	}
	return seed
}

// unit is a number in [0, 1) from the upper bits.
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// bell is nearly a standard normal deviate, from one hash: the sum of four uniform ones. It never leaves ±3.47, so that no
// single draw breaks a market.
func bell(h uint64) float64 {
	sum := h&0xffff + h>>16&0xffff + h>>32&0xffff + h>>48
	return (float64(sum)/65536 - 2) * math.Sqrt(3)
}

// chance is a seeded stream of random numbers (SplitMix64).
type chance struct{ state uint64 }

func (c *chance) next() uint64 {
	c.state += golden
	return mix(c.state)
}

func (c *chance) float() float64 { return unit(c.next()) }

func (c *chance) hit(p float64) bool { return c.float() < p }

// below is uniform in [0, n); 0 for n < 1.
func (c *chance) below(n int) int {
	if n < 1 {
		return 0
	}
	hi, _ := bits.Mul64(c.next(), uint64(n))
	return int(hi)
}

// normal is a standard normal deviate (Box and Muller, one of the pair).
func (c *chance) normal() float64 {
	return math.Sqrt(-2*math.Log(1-c.float())) * math.Cos(2*math.Pi*c.float())
}

func (c *chance) exponential() float64 { return -math.Log(1 - c.float()) }

// lognormal has that median; sigma is the deviation of its logarithm.
func (c *chance) lognormal(median, sigma float64) float64 { return median * math.Exp(sigma*c.normal()) }

// poisson counts the events of a mean number of them; at most 1,000.
func (c *chance) poisson(mean float64) int {
	n := 0
	for t := c.exponential(); t < mean && n < 1000; t += c.exponential() {
		n++
	}
	return n
}
