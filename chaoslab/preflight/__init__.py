"""Before anything boots: is the deployment file right, and can its paths be walked from here?"""
