package executor

import "github.com/hourglass-trading/hourglass/services/executor/internal/backtest"

// Simulation is what came of a script.
type Simulation = backtest.Outcome

// ScriptFaults are what is wrong with a script, by field.
type ScriptFaults = backtest.Faults

// Simulate runs a scripted market, an order and the commands to it through the engine that works live orders. Text is JSON
// in the form of the worked examples. What is wrong with it is told by an error of type ScriptFaults.
func Simulate(text []byte) (*Simulation, error) {
	script, err := backtest.Parse(text)
	if err != nil {
		return nil, err
	}
	return backtest.Run(script)
}
