"""Experiments on real traffic: shadows that are asked what others were asked, and what came of arms and shadows."""
