package flow

// Work evaluates an expression of a task-completed flow over an event. It returns how
// many steps that took; ok is false if it is no expression.
func Work(text string, ev Event) (steps int, failed error, ok bool) {
	tree, mistakes := compile(text, Scope{On: []string{TaskCompleted}, InFlow: true})
	if len(mistakes) > 0 {
		return 0, nil, false
	}
	e := evaluation{env: environment(&ev, Instance{}, about{})}
	defer func() {
		if recover() != nil {
			steps, ok = e.work, true
		}
	}()
	_, failed = e.value(tree)
	return e.work, failed, true
}

// MostWork is the most steps that an evaluation takes.
const MostWork = workBudget

// Static returns a text without its expressions, and whether there are any.
func Static(text string) (static string, dynamic bool) {
	t, _ := compileTemplate(text, func(string) (*node, []Mistake) { return &node{}, nil })
	for _, p := range t {
		static, dynamic = static+p.text, dynamic || p.tree != nil
	}
	return static, dynamic
}
