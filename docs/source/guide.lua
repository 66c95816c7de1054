return { title="Guide", text = {"x"}, summary = "x" }
