package twap

// splitMix is the SplitMix64 generator: the same numbers for the same seed on every machine.
// [Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014]
type splitMix uint64

// otherStream turns a seed into that of the times, so that random sizes and random times do not change each other.
const otherStream = 0xA5A5A5A5A5A5A5A5

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
