package decimal

// Calc evaluates a formula step by step and remembers the first error, so that the formula can be read: after an error
// every result is zero, and Err tells. The zero value is ready; a Calc is not for concurrent use.
type Calc struct{ err error }

// Err returns the first error of the calculation.
func (c *Calc) Err() error { return c.err }

func (c *Calc) keep(d Decimal, err error) Decimal {
	if c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return Decimal{}
	}
	return d
}

// Add returns a + b.
func (c *Calc) Add(a, b Decimal) Decimal { return c.keep(a.Add(b)) }

// Sub returns a - b.
func (c *Calc) Sub(a, b Decimal) Decimal { return c.keep(a.Sub(b)) }

// Mul returns a × b.
func (c *Calc) Mul(a, b Decimal) Decimal { return c.keep(a.Mul(b)) }

// Quo returns a / b with at most scale decimals.
func (c *Calc) Quo(a, b Decimal, scale int, mode Rounding) Decimal {
	return c.keep(a.Quo(b, scale, mode))
}

// Bps returns d × bps / 10,000, exactly.
func (c *Calc) Bps(d, bps Decimal) Decimal {
	return c.Mul(c.Mul(d, bps), basisPoint)
}

// FromSteps returns n × step.
func (c *Calc) FromSteps(n int64, step Decimal) Decimal { return c.keep(FromSteps(n, step)) }
