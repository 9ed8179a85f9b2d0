def check(counted, gate, seen): pass
