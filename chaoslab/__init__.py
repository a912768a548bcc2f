"""chaoslab: does the service start, degrade and recover when its network path is severed?"""
