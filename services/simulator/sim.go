package simulator

import "errors"

func (s *Simulator) openSim(Config) error { return errors.New("sim") }
