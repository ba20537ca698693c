"""How good confidences are, as pure arithmetic: for whoever trains, releases or watches."""
