"""Problems, random inputs, generation, storage, loaders and the ruler."""
